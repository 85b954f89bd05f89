-- The words that products are made of, for queries that are misspelled. A word that no product has any more does no
-- harm. trigram: three letters of the word with two spaces before it and one behind it.
CREATE TABLE search_words (
  id {{id}},
  word TEXT NOT NULL,
  CONSTRAINT search_words_word_key UNIQUE (word)
);

CREATE TABLE search_trigrams (
  trigram TEXT NOT NULL,
  word_id BIGINT NOT NULL,
  CONSTRAINT search_trigrams_pkey PRIMARY KEY (trigram, word_id),
  CONSTRAINT search_trigrams_word_id_fkey FOREIGN KEY (word_id) REFERENCES search_words (id) ON DELETE CASCADE
);
