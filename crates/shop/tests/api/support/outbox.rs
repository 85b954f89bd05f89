//! The mails of a test: the jobs that write them are run, then the files of the outbox are read.

use std::path::PathBuf;

use super::TestShop;
use super::watch_log::secrets_in;

/// A message, taken apart.
#[derive(Clone, Debug)]
pub struct Mail {
    pub head: String,
    pub text: String,
    pub html: String,
}

impl TestShop {
    /// Does what is due in the background, and returns all mails so far, the oldest first.
    pub async fn mails(&self) -> Vec<Mail> {
        shop::jobs(&self.app).run_due().await.expect("jobs run");
        self.outbox()
            .iter()
            .map(|message| Mail::read(message))
            .collect()
    }

    /// The newest mail to somebody.
    pub async fn mail_to(&self, address: &str) -> Mail {
        let mails = self.mails().await;
        let to = |mail: &&Mail| mail.header("To") == address;
        let found = mails.iter().rev().find(to);
        found
            .unwrap_or_else(|| panic!("no mail to {address} among {}", mails.len()))
            .clone()
    }

    /// The messages as they were written. What their links hold is secret from now on.
    pub fn outbox(&self) -> Vec<String> {
        let url = self.app.config.email_url.as_ref().expect("EMAIL_URL");
        let folder = PathBuf::from(url.expose().strip_prefix("file://").expect("a folder"));
        let files = std::fs::read_dir(folder).into_iter().flatten();
        let mut files: Vec<_> = files
            .map(|entry| entry.unwrap().path())
            .filter(|file| file.extension().is_some_and(|kind| kind == "eml"))
            .map(|file| (std::fs::metadata(&file).unwrap().modified().unwrap(), file))
            .collect();
        files.sort();
        let messages = files
            .iter()
            .map(|(_, file)| std::fs::read_to_string(file).unwrap());
        messages.inspect(|message| secrets_in(message)).collect()
    }
}

impl Mail {
    /// Of a message as it stands in a file or goes over the wire.
    pub fn read(message: &str) -> Mail {
        let (head, body) = message.split_once("\r\n\r\n").expect("a head");
        let boundary = head
            .split("boundary=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let parts: Vec<_> = body
            .split(&format!("--{boundary}"))
            .skip(1)
            .map(decoded)
            .collect();
        Mail {
            head: head.replace("\r\n ", " "),
            text: parts[0].clone(),
            html: parts[1].clone(),
        }
    }

    pub fn header(&self, name: &str) -> &str {
        let name = format!("{name}: ");
        let line = self.head.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap_or_default()
    }

    /// The only link of the text.
    pub fn link(&self) -> &str {
        let words = self.text.split_whitespace();
        let links: Vec<_> = words.filter(|word| word.starts_with("http")).collect();
        assert_eq!(links.len(), 1, "{}", self.text);
        links[0]
    }

    /// The last part of the link that is not empty.
    pub fn token(&self) -> &str {
        self.link()
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap()
    }
}

fn decoded(part: &str) -> String {
    let (head, body) = part.split_once("\r\n\r\n").unwrap_or(("", part));
    let body = body.replace("\r\n", "\n");
    if head.contains("quoted-printable") {
        let mut bytes = Vec::new();
        let joined = body.replace("=\n", "");
        let mut rest = joined.as_bytes();
        while let Some((first, tail)) = rest.split_first() {
            rest = tail;
            if *first == b'=' {
                let code = std::str::from_utf8(&tail[..2]).unwrap();
                bytes.push(u8::from_str_radix(code, 16).unwrap());
                rest = &tail[2..];
            } else {
                bytes.push(*first);
            }
        }
        String::from_utf8(bytes).unwrap()
    } else {
        assert!(!head.contains("base64"), "{head}");
        body
    }
}
