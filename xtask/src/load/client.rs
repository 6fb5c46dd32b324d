//! The smallest HTTP/1.1 client that keeps connections alive: one request, one answer, nothing in between.

use std::net::{SocketAddr, ToSocketAddrs as _};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Where the load goes: always an address of this machine.
#[derive(Debug)]
pub struct Target {
    pub address: SocketAddr,
    /// As the `Host` header says it.
    pub host: String,
    pub path: String,
}

impl Target {
    /// Refuses every address but the loopback ones, also behind a name.
    pub fn parse(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("http://").context("--url must begin with http://")?;
        let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
        let with_port = if host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        let addresses: Vec<SocketAddr> =
            with_port.to_socket_addrs().with_context(|| format!("{host} is no address"))?.collect();
        let Some(address) = addresses.first().copied() else { bail!("{host} has no address") };
        ensure!(
            addresses.iter().all(|address| address.ip().is_loopback()),
            "{host} is not this machine: load is only ever made against 127.0.0.1, [::1] or localhost"
        );
        Ok(Self { address, host: host.to_owned(), path: format!("/{path}") })
    }
}

/// One open connection with what was read from it.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a whole request and reads the whole answer. Gives the connection back if it stays open.
    pub async fn send(mut self, request: &[u8]) -> Result<(u16, Option<Self>)> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(head) = Head::parse(&self.buffer)? {
                break head;
            }
            self.fill().await?;
        };
        match head.body {
            Body::Length(length) => {
                while self.buffer.len() < head.end + length {
                    self.fill().await?;
                }
            }
            Body::Chunked => {
                while !self.buffer[head.end - 2..].ends_with(b"\r\n0\r\n\r\n") {
                    self.fill().await?;
                }
            }
        }
        Ok((head.status, (!head.closes).then_some(self)))
    }

    async fn fill(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.buffer).await?;
        ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}

#[derive(Debug, PartialEq)]
enum Body {
    Length(usize),
    Chunked,
}

#[derive(Debug, PartialEq)]
struct Head {
    status: u16,
    /// Where the body begins.
    end: usize,
    body: Body,
    closes: bool,
}

impl Head {
    /// `None` while the head is not complete.
    fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(&bytes[..end]).context("the answer's head is no text")?;
        let mut lines = text.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.strip_prefix("HTTP/1.1 "))
            .and_then(|line| line.get(..3))
            .and_then(|digits| digits.parse().ok())
            .context("the answer is not HTTP/1.1")?;
        let mut head = Self { status, end: end + 4, body: Body::Length(0), closes: false };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.body = Body::Length(value.parse().context("content-length is no number")?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                head.body = Body::Chunked;
            } else if name.eq_ignore_ascii_case("connection") {
                head.closes = value.eq_ignore_ascii_case("close");
            }
        }
        Ok(Some(head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_can_be_loaded() {
        assert!(Target::parse("http://192.0.2.1:3000/x").is_err());
        assert!(Target::parse("http://0.0.0.0:3000/x").is_err());
        assert!(Target::parse("https://127.0.0.1:3000/x").is_err());
        let target = Target::parse("http://127.0.0.1:3000/api/webhooks/vapi").unwrap();
        assert_eq!((target.host.as_str(), target.path.as_str()), ("127.0.0.1:3000", "/api/webhooks/vapi"));
        assert_eq!(Target::parse("http://[::1]:81").unwrap().address.port(), 81);
    }

    #[test]
    fn an_unfinished_head_waits_for_more() {
        assert_eq!(Head::parse(b"HTTP/1.1 200 OK\r\ncontent-le").unwrap(), None);
    }

    #[test]
    fn the_head_tells_status_length_and_whether_the_connection_stays() {
        let answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy";
        let head = Head::parse(answer).unwrap();
        let end = answer.len() - 4;
        assert_eq!(head, Some(Head { status: 503, end, body: Body::Length(4), closes: true }));
        assert!(Head::parse(b"SSH-2.0-x\r\n\r\n\r\n").is_err());
    }
}
