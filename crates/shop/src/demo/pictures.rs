//! Pictures of the goods: a shape for each noun in a few colors, drawn pixel by pixel. Many products share one.

use image::{Rgb, RgbImage};

use super::goods;
use crate::app::App;
use crate::media::{self, Picture};

pub(super) const COLORS: [(&str, [u8; 3]); 6] = [
    ("Red", [196, 60, 52]),
    ("Blue", [52, 96, 180]),
    ("Green", [70, 140, 90]),
    ("Sand", [214, 190, 150]),
    ("Grey", [120, 124, 130]),
    ("Black", [44, 44, 48]),
];
const SIDE: u32 = 600;
/// How many colors each noun is drawn in.
const SHADES: usize = 3;

/// Draws and keeps as many as `products` need: product `at` gets the picture at `at % len`, of its own noun.
pub(super) async fn keep_all(app: &App, products: u32) -> crate::error::Result<Vec<media::File>> {
    let nouns = goods::nouns().len();
    let needed = (nouns * SHADES).min(products as usize);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let places: Vec<usize> = (0..needed).collect();
    let mut kept = Vec::with_capacity(needed);
    for some in places.chunks(cores) {
        let drawing = some.iter().map(|&at| {
            tokio::task::spawn_blocking(move || {
                let (noun, shade) = (at % nouns, at / nouns);
                Picture::drawn(draw(noun, COLORS[(noun + shade * 2) % COLORS.len()].1))
            })
        });
        for drawn in futures_util::future::join_all(drawing).await {
            let picture = drawn
                .map_err(crate::error::Error::internal)?
                .map_err(crate::error::Error::internal)?;
            kept.push(media::keep_ready(app, picture).await?);
        }
    }
    Ok(kept)
}

/// A thing on a table, flat and friendly. The same noun has the same outline.
fn draw(noun: usize, color: [u8; 3]) -> RgbImage {
    let shade = |part: i32| {
        color.map(|c| u8::try_from((i32::from(c) * part / 100).clamp(0, 255)).unwrap_or(u8::MAX))
    };
    let (wall, table) = ([244, 241, 235], [228, 221, 209]);
    // Widths of the outline from top to bottom, in hundredths of the side, out of the noun's number.
    let mut bits = (noun as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut widths = [0i32; 5];
    for width in &mut widths {
        bits = bits.rotate_left(13).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        *width = 14 + i32::try_from(bits >> 59).unwrap_or(0);
    }
    let has_handle = noun.is_multiple_of(3);
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let side = i32::try_from(SIDE).unwrap_or(1);
        let (x, y) = (i32::try_from(x).unwrap_or(0), i32::try_from(y).unwrap_or(0));
        let (top, bottom, middle) = (side * 18 / 100, side * 80 / 100, side / 2);
        let ground = if y > side * 70 / 100 { table } else { wall };
        // A shadow on the table.
        let (sx, sy) = ((x - middle) * 10 / 28, (y - bottom) * 3);
        let ground = if sx * sx + sy * sy < (side * 11 / 100).pow(2) {
            ground.map(|c: u8| c - 24)
        } else {
            ground
        };
        let handle = {
            let (hx, hy) = (x - side * 70 / 100, y - side * 48 / 100);
            let far = hx * hx + hy * hy;
            has_handle && far < (side * 13 / 100).pow(2) && far > (side * 8 / 100).pow(2)
        };
        if !(top..bottom).contains(&y) {
            return Rgb(ground);
        }
        let along = (y - top) * 400 / (bottom - top);
        let (part, rest) = ((along / 100).min(3), along % 100);
        let at = usize::try_from(part).unwrap_or(0);
        let width = (widths[at] * (100 - rest) + widths[at + 1] * rest) * side / 10_000;
        if (x - middle).abs() > width {
            return Rgb(if handle { shade(85) } else { ground });
        }
        // Light from the left, a band around it.
        let band = (44..52).contains(&((y - top) * 100 / (bottom - top)));
        Rgb(match (x - middle + width) * 100 / (2 * width).max(1) {
            0..15 => shade(125),
            75.. => shade(80),
            _ if band => shade(65),
            _ => shade(100),
        })
    })
}
