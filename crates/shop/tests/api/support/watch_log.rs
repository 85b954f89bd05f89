//! Every line that the shops of the tests log is searched for secrets: for the passwords of the tests, for hashes, and for
//! each token that an answer or a mail gave. A test that ends after one was found fails.

use std::collections::HashSet;
use std::io;
use std::sync::{LazyLock, Mutex, Once};

use tracing_subscriber::{EnvFilter, fmt};

use super::builders::PASSWORD;

/// Parts of what must stand in no log: a password, the key, hashes, the head of every access token.
const WORDS: [&str; 4] = [PASSWORD, "a-secret-for-tests-of", "$argon2", "eyJhbGci"];

static TOKENS: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// As long as a shop of a test is open.
pub struct Watch;

impl Watch {
    pub fn start() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // As the program logs at its most talkative; what drivers say then is cut there too.
            let filter = EnvFilter::new("info,shop=trace,db=trace,jobs=trace");
            let lines = fmt()
                .json()
                .with_env_filter(filter)
                .with_writer(|| Reader)
                .finish();
            tracing::subscriber::set_global_default(lines).expect("the first of the process");
        });
        Watch
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let found = std::mem::take(&mut *FOUND.lock().unwrap());
        if !std::thread::panicking() {
            assert!(found.is_empty(), "secrets in the log: {found:?}");
        }
    }
}

/// From now on the tokens of this text are secrets.
pub fn secrets_in(text: &str) {
    let tokens = runs(text).map(str::to_owned);
    TOKENS.lock().unwrap().extend(tokens);
}

struct Reader;

impl io::Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if leaks(&line) {
            FOUND.lock().unwrap().push(line.into_owned());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn leaks(line: &str) -> bool {
    WORDS.iter().any(|word| line.contains(word)) || {
        let tokens = TOKENS.lock().unwrap();
        runs(line).any(|run| tokens.contains(run))
    }
}

/// What is long enough for a token.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let apart = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
    text.split(apart).filter(|run| run.len() >= 40)
}

#[test]
fn a_secret_in_a_line_is_seen() {
    let token = "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5Zm9vYmFyYmF6cXV4";
    let line = format!("{{\"path\":\"/verify-email/{token}/\"}}");
    assert!(!leaks(&line));
    secrets_in(&format!("{{\"refresh\":\"{token}\"}}"));
    assert!(leaks(&line));
    assert!(leaks("wrong: correct horse battery 9") && !leaks("/verify-email/…/"));
}
