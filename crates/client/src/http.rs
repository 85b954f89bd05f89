//! A small HTTP/1.1 client: one connection, kept alive, from a source address of one's own choosing.

use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddrV4};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

pub struct Client {
    server: SocketAddrV4,
    source: Ipv4Addr,
    stream: Option<TcpStream>,
    input: Vec<u8>,
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Client {
    pub fn new(server: SocketAddrV4, source: Ipv4Addr) -> Self {
        Self {
            server,
            source,
            stream: None,
            input: Vec::with_capacity(1 << 14),
        }
    }

    /// Sends a whole request and reads the whole answer. After an error nobody knows whether the server did it.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        let answer = self.try_exchange(request).await;
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    pub fn close(&mut self) {
        self.stream = None;
    }

    async fn try_exchange(&mut self, request: &[u8]) -> Result<Answer> {
        // A server may close a connection that idles; that is seen here, before a request is risked on it.
        let mut probe = [0];
        if self.stream.as_ref().is_some_and(
            |s| !matches!(s.try_read(&mut probe), Err(e) if e.kind() == ErrorKind::WouldBlock),
        ) {
            self.stream = None;
        }
        if self.stream.is_none() {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddrV4::new(self.source, 0).into())?;
            let stream = socket.connect(self.server.into()).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().ok_or(ErrorKind::NotConnected)?;
        stream.write_all(request).await?;
        self.input.clear();
        let head = read_head(stream, &mut self.input).await?;
        let body = read_body(stream, &mut self.input, &head).await?;
        if head.close {
            self.stream = None;
        }
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

struct Head {
    status: u16,
    bytes: usize,
    length: Option<usize>,
    chunked: bool,
    close: bool,
    headers: Vec<(String, String)>,
}

async fn read_head(stream: &mut TcpStream, input: &mut Vec<u8>) -> Result<Head> {
    loop {
        more(stream, input).await?;
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response
            .parse(input)
            .map_err(|e| Error::new(ErrorKind::InvalidData, e))?;
        let httparse::Status::Complete(bytes) = parsed else {
            continue;
        };
        let headers: Vec<_> = response
            .headers
            .iter()
            .map(|h| {
                (
                    h.name.to_owned(),
                    String::from_utf8_lossy(h.value).trim().to_owned(),
                )
            })
            .collect();
        let has = |name: &str, word: &str| {
            headers
                .iter()
                .any(|(n, v)| n.eq_ignore_ascii_case(name) && v.to_ascii_lowercase().contains(word))
        };
        let length = headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, v)| v.parse().ok());
        let status = response.code.unwrap_or(0);
        let chunked = has("transfer-encoding", "chunked");
        let bodiless = matches!(status, 204 | 304);
        let length = if bodiless { Some(0) } else { length };
        let close = has("connection", "close")
            || response.version == Some(0) && !has("connection", "keep-alive")
            || length.is_none() && !chunked;
        return Ok(Head {
            status,
            bytes,
            length,
            chunked,
            close,
            headers,
        });
    }
}

async fn read_body(stream: &mut TcpStream, input: &mut Vec<u8>, head: &Head) -> Result<Vec<u8>> {
    if head.chunked {
        return read_chunks(stream, input, head.bytes).await;
    }
    match head.length {
        Some(length) => {
            while input.len() < head.bytes + length {
                more(stream, input).await?;
            }
            Ok(input[head.bytes..head.bytes + length].to_vec())
        }
        None => {
            while stream.read_buf(input).await? > 0 {}
            Ok(input[head.bytes..].to_vec())
        }
    }
}

async fn read_chunks(
    stream: &mut TcpStream,
    input: &mut Vec<u8>,
    mut at: usize,
) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let parsed = httparse::parse_chunk_size(&input[at..])
            .map_err(|_| Error::new(ErrorKind::InvalidData, "chunk size"))?;
        let httparse::Status::Complete((skip, size)) = parsed else {
            more(stream, input).await?;
            continue;
        };
        let (from, to) = (at + skip, at + skip + size as usize);
        while input.len() < to + 2 {
            more(stream, input).await?;
        }
        body.extend_from_slice(&input[from..to]);
        at = to + 2;
        if size == 0 {
            return Ok(body);
        }
    }
}

async fn more(stream: &mut TcpStream, input: &mut Vec<u8>) -> Result<()> {
    match stream.read_buf(input).await? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A server that sends each text as the answer to one request, in pieces of `piece` bytes.
    async fn served(answers: &'static [&'static str], piece: usize) -> SocketAddrV4 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let std::net::SocketAddr::V4(address) = listener.local_addr().unwrap() else {
            unreachable!()
        };
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            for answer in answers {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await.unwrap();
                for part in answer.as_bytes().chunks(piece) {
                    stream.write_all(part).await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn answers_with_a_length_in_chunks_and_without_a_body_share_a_connection() {
        const ANSWERS: &[&str] = &[
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Thing: a\r\n\r\nhello",
            "HTTP/1.1 409 Conflict\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
        ];
        for piece in [1, 7, 4096] {
            let mut client = Client::new(served(ANSWERS, piece).await, Ipv4Addr::new(127, 5, 6, 7));
            let first = client.exchange(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            assert_eq!(
                (first.status, first.header("x-thing"), &first.body[..]),
                (200, Some("a"), &b"hello"[..])
            );
            let second = client.exchange(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            assert_eq!((second.status, &second.body[..]), (409, &b"abcde"[..]));
            let third = client.exchange(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            assert_eq!((third.status, third.body.len()), (204, 0));
            assert!(
                client.exchange(b"GET / HTTP/1.1\r\n\r\n").await.is_err(),
                "the server is gone"
            );
        }
    }
}
