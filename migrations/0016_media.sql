-- Files of pictures, named by a digest of their bytes. A row comes before its files and goes after them, so that
-- nothing lies in the storage that no row knows. leaving: its files are being erased, and nobody may take it up again.
CREATE TABLE media_files (
  name TEXT NOT NULL PRIMARY KEY,
  format TEXT NOT NULL,
  thumbnail_format TEXT NOT NULL,
  width BIGINT NOT NULL,
  height BIGINT NOT NULL,
  leaving BOOLEAN NOT NULL DEFAULT FALSE,
  touched_at BIGINT NOT NULL,
  CONSTRAINT media_files_format_check CHECK (format IN ('jpg', 'png') AND thumbnail_format IN ('jpg', 'png'))
);
CREATE INDEX media_files_touched_at ON media_files (touched_at);

CREATE TABLE product_images (
  id {{id}},
  product_id BIGINT NOT NULL,
  position BIGINT NOT NULL,
  file TEXT NOT NULL,
  alt TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  CONSTRAINT product_images_product_id_fkey FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE,
  CONSTRAINT product_images_file_fkey FOREIGN KEY (file) REFERENCES media_files (name)
);
CREATE INDEX product_images_product_id ON product_images (product_id, position, id);
CREATE INDEX product_images_file ON product_images (file);

ALTER TABLE variants ADD COLUMN image_id BIGINT
  CONSTRAINT variants_image_id_fkey REFERENCES product_images (id) ON DELETE SET NULL;
CREATE INDEX variants_image_id ON variants (image_id) WHERE image_id IS NOT NULL;
