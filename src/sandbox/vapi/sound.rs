//! The voice of the stand-in's assistants: a chime, and how loud somebody else is. 16-bit samples, one
//! channel, little-endian.

use std::collections::VecDeque;
use std::f32::consts::TAU;

/// How much sound one frame holds, in milliseconds.
pub(super) const FRAME_MILLIS: u32 = 20;
/// Mean amplitude from which on a frame is not silent.
const LOUD: u64 = 250;

/// Frames of a chime: notes of a third of a second each, which begin and end softly.
pub(super) fn chime(notes: &[f32], rate: u32) -> VecDeque<Vec<u8>> {
    let length = (rate / 3) as usize;
    let mut bytes = Vec::with_capacity(notes.len() * length * 2);
    for note in notes {
        for at in 0..length {
            let place = at as f32 / length as f32;
            let swell = (place * TAU / 2.0).sin();
            let wave = (at as f32 / rate as f32 * note * TAU).sin();
            bytes.extend_from_slice(&((wave * swell * 6_000.0) as i16).to_le_bytes());
        }
    }
    let frame = (rate * FRAME_MILLIS / 1_000) as usize * 2;
    bytes.chunks(frame).map(<[u8]>::to_vec).collect()
}

/// How many samples a frame holds, and whether they are more than silence; none where it ends within one.
pub(super) fn listen(frame: &[u8]) -> Option<(u32, bool)> {
    if !frame.len().is_multiple_of(2) {
        return None;
    }
    let (samples, _) = frame.as_chunks::<2>();
    let sum: u64 = samples.iter().map(|two| u64::from(i16::from_le_bytes(*two).unsigned_abs())).sum();
    let count = u32::try_from(samples.len()).ok()?;
    Some((count, count > 0 && sum / u64::from(count) >= LOUD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chime_is_heard_and_silence_is_not() {
        let frames = chime(&[440.0, 660.0], 16_000);
        assert!(frames.iter().all(|frame| frame.len() <= 640) && frames.len() >= 33, "{}", frames.len());
        assert_eq!(listen(&frames[8]), Some((320, true)));
        assert_eq!(listen(&[0; 640]), Some((320, false)));
        assert_eq!(listen(&[]), Some((0, false)));
        assert_eq!(listen(&[1, 2, 3]), None, "half a sample");
    }
}
