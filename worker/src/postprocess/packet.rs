//! Taking what an encoder has ready.

use ffmpeg_next as ffmpeg;

/// The next packet that `encoder` has ready; `None` when it wants more frames or is done.
pub(super) fn next_packet(encoder: &mut ffmpeg::encoder::Encoder) -> Result<Option<ffmpeg::Packet>, ffmpeg::Error> {
    let mut packet = ffmpeg::Packet::empty();
    match encoder.receive_packet(&mut packet) {
        Ok(()) => Ok(Some(packet)),
        Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN }) => Ok(None),
        Err(error) => Err(error),
    }
}
