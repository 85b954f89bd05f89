//! The text of a file, plain or gzipped, and how much of the file was read for it.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) type Text = Box<dyn BufRead + Send>;

pub(super) struct Counted {
    pub(super) file: Box<dyn Read + Send>,
    pub(super) read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

const BUFFER: usize = 1 << 16;

pub(super) fn unpack(file: Counted) -> std::io::Result<Text> {
    let mut packed = BufReader::with_capacity(BUFFER, file);
    if packed.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        Ok(Box::new(BufReader::with_capacity(
            BUFFER,
            flate2::bufread::MultiGzDecoder::new(packed),
        )))
    } else {
        Ok(Box::new(packed))
    }
}

pub(super) fn skip_byte_order_mark(text: &mut Text) -> std::io::Result<()> {
    if text.fill_buf()?.starts_with("\u{feff}".as_bytes()) {
        text.consume(3);
    }
    Ok(())
}

pub(super) fn first_byte(text: &mut Text) -> std::io::Result<Option<u8>> {
    Ok(text
        .fill_buf()?
        .iter()
        .copied()
        .find(|b| !b.is_ascii_whitespace()))
}
