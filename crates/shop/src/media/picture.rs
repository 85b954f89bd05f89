//! From bytes of a stranger to a picture of ours: checked before it is decoded, written anew, with its thumbnails.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use sha2::{Digest, Sha256};

/// The most pixels; checked by the header, before anything is unpacked.
const MAX_PIXELS: u64 = 25_000_000;
/// Unpacked: 25 megapixels at 8 bits with transparency, or half of them at 16.
const MAX_UNPACKED: u64 = MAX_PIXELS * 4;
/// What decoders may take for themselves beside the pixels.
const MAX_DECODER: u64 = 64 << 20;
/// Longer sides are made this long: enough for any screen's page.
const LONGEST_SIDE: u32 = 2048;
const JPEG_QUALITY: u8 = 86;

crate::words! {
    pub enum Format { Jpeg = "jpg", Png = "png" }
}

crate::words! {
    pub enum Size { Small = "small", Medium = "medium", Large = "large" }
}

/// Each thumbnail with its longest side.
pub const SIZES: [(Size, u32); 3] = [(Size::Small, 160), (Size::Medium, 480), (Size::Large, 960)];

impl Format {
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Format::Jpeg => "image/jpeg",
            Format::Png => "image/png",
        }
    }
}

/// A picture as it will be kept: the files and what their row says.
pub struct Picture {
    pub file: super::File,
    /// Name in the storage, and bytes.
    pub(super) files: Vec<(String, Vec<u8>)>,
}

/// Why an upload is no picture of ours, for people.
pub(super) type Refusal = &'static str;

/// Reads JPEG, PNG, WebP or GIF (of moving ones the first frame). Takes up to a second of a core: not for an async thread.
pub(super) fn read(upload: &[u8]) -> Result<Picture, Refusal> {
    let (image, source) = decode(upload)?;
    let image = shrink(image);
    // Drawings stay sharp; photographs stay small.
    let format = match (is_opaque(&image), source) {
        (true, ImageFormat::Jpeg | ImageFormat::WebP) => Format::Jpeg,
        _ => Format::Png,
    };
    of(image, format)
}

impl Picture {
    /// Of pixels that this program drew.
    pub fn drawn(pixels: image::RgbImage) -> Result<Picture, &'static str> {
        of(DynamicImage::ImageRgb8(pixels), Format::Png)
    }
}

fn of(image: DynamicImage, format: Format) -> Result<Picture, Refusal> {
    let opaque = is_opaque(&image);
    let thumbnail_format = if opaque { Format::Jpeg } else { Format::Png };
    let image = match opaque {
        true => DynamicImage::ImageRgb8(image.into_rgb8()),
        false => DynamicImage::ImageRgba8(image.into_rgba8()),
    };
    let bytes = encode(&image, format)?;
    let digest = Sha256::digest(&bytes);
    let name = digest[..16]
        .iter()
        .fold(String::new(), |name, byte| format!("{name}{byte:02x}"));
    let mut files = vec![(format!("{name}.{}", format.as_str()), bytes)];
    // From large to small, each from the one before.
    let mut last = image.clone();
    for (size, longest) in SIZES.into_iter().rev() {
        if last.width().max(last.height()) > longest {
            last = last.resize(longest, longest, FilterType::CatmullRom);
        }
        let file = format!("{name}-{}.{}", size.as_str(), thumbnail_format.as_str());
        files.push((file, encode(&last, thumbnail_format)?));
    }
    let (width, height) = (image.width().into(), image.height().into());
    let file = super::File {
        name,
        format,
        thumbnail_format,
        width,
        height,
    };
    Ok(Picture { file, files })
}

fn decode(upload: &[u8]) -> Result<(DynamicImage, ImageFormat), Refusal> {
    const BROKEN: Refusal = "The picture is damaged.";
    // By its first bytes: what the client calls it does not count.
    let format = image::guess_format(upload)
        .ok()
        .filter(|format| {
            matches!(
                format,
                ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP | ImageFormat::Gif
            )
        })
        .ok_or("Upload a JPEG, PNG, WebP or GIF picture.")?;
    let mut reader = ImageReader::with_format(Cursor::new(upload), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_UNPACKED + MAX_DECODER);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|_| BROKEN)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(BROKEN);
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS || decoder.total_bytes() > MAX_UNPACKED {
        return Err("The picture has too many pixels: at most 25 million.");
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(|_| BROKEN)?;
    image.apply_orientation(orientation);
    Ok((image, format))
}

/// By averages: at this size the difference to a better filter cannot be seen, that in memory can.
fn shrink(image: DynamicImage) -> DynamicImage {
    match image.width().max(image.height()) > LONGEST_SIDE {
        true => image.thumbnail(LONGEST_SIDE, LONGEST_SIDE),
        false => image,
    }
}

fn is_opaque(image: &DynamicImage) -> bool {
    match image {
        DynamicImage::ImageRgba8(pixels) => pixels.pixels().all(|pixel| pixel.0[3] == u8::MAX),
        image if image.color().has_alpha() => {
            image.to_rgba8().pixels().all(|pixel| pixel.0[3] == u8::MAX)
        }
        _ => true,
    }
}

fn encode(image: &DynamicImage, format: Format) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let written = match format {
        Format::Jpeg => {
            image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
        }
        Format::Png => image.write_with_encoder(PngEncoder::new(&mut bytes)),
    };
    written
        .map(|()| bytes)
        .map_err(|_| "The picture cannot be written.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let pixels =
            image::RgbaImage::from_fn(width, height, |x, _| image::Rgba([x as u8, 9, 9, 128]));
        encode(&DynamicImage::ImageRgba8(pixels), Format::Png).unwrap()
    }

    #[test]
    fn transparency_stays_and_thumbnails_fit_their_squares() {
        let picture = read(&png(1200, 300)).unwrap();
        assert_eq!(
            (picture.file.format, picture.file.thumbnail_format),
            (Format::Png, Format::Png)
        );
        assert_eq!((picture.file.width, picture.file.height), (1200, 300));
        let sizes: Vec<_> = picture.files[1..]
            .iter()
            .map(|(_, bytes)| image::load_from_memory(bytes).unwrap())
            .map(|image| (image.width(), image.height()))
            .collect();
        assert_eq!(sizes, [(960, 240), (480, 120), (160, 40)]);
    }

    #[test]
    fn small_pictures_are_not_blown_up() {
        let picture = read(&png(20, 10)).unwrap();
        for (_, bytes) in &picture.files {
            assert_eq!(image::load_from_memory(bytes).unwrap().width(), 20);
        }
    }

    #[test]
    fn a_header_that_promises_too_much_is_believed_and_refused() {
        let mut huge = png(4, 4);
        huge[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
        // The checksum of the header, so that it is read at all.
        let sum = crc(&huge[12..29]);
        huge[29..33].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(
            read(&huge).err(),
            Some("The picture has too many pixels: at most 25 million.")
        );
    }

    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
            })
        })
    }

    #[test]
    fn nothing_that_breaks_off_or_pretends_gets_through() {
        let whole = png(64, 64);
        for cut in [0, 1, 7, 8, 20, 33, whole.len() / 2] {
            assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
        }
        for pretender in [
            &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..],
            b"GIF89a",
            b"\xff\xd8\xff\xe0",
            b"BM....",
            b"%PDF",
        ] {
            assert!(read(pretender).is_err());
        }
    }

    #[test]
    fn what_hangs_behind_a_picture_is_gone() {
        let mut both = png(8, 8);
        both.extend_from_slice(b"<script>alert(1)</script>PK\x03\x04");
        let picture = read(&both).unwrap();
        for (_, bytes) in picture.files {
            assert!(!bytes.windows(7).any(|part| part == b"<script"));
        }
    }
}
