//! A line on which nothing can be understood: the wrong speed, the wrong parity, another dialect.

/// Bytes without a frame among them before the line is called noise. A terminal's chatter between frames is a few
/// control bytes; the head of an HTTP message is some hundred.
pub(super) const NOISE_LEN: u32 = 4096;

/// Counts bytes that belong to no frame, and speaks up once until a frame is heard again. It counts byte by byte, so
/// that where the bytes are cut does not matter.
#[derive(Debug, Default)]
pub(super) struct Noise {
    skipped: u32,
}

impl Noise {
    /// A byte that belongs to no frame. True for the one with which it is time to say so.
    pub(super) const fn skip(&mut self) -> bool {
        self.skipped = self.skipped.saturating_add(1);
        self.skipped == NOISE_LEN
    }

    /// A frame was heard.
    pub(super) const fn framed(&mut self) {
        self.skipped = 0;
    }
}

/// What a person should do about it.
pub(super) fn words(dialect: &str) -> String {
    format!(
        "{NOISE_LEN} bytes passed without one {dialect} frame; check speed, parity and bits of the line, and that the \
         device speaks {dialect}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_told_once_until_a_frame_is_heard() {
        let mut noise = Noise::default();
        let mut told = |bytes: u32| (0..bytes).filter(|_| noise.skip()).count();
        assert_eq!(told(NOISE_LEN - 1), 0);
        assert_eq!(told(1), 1);
        assert_eq!(told(NOISE_LEN * 3), 0);
        noise.framed();
        assert_eq!((0..NOISE_LEN).filter(|_| noise.skip()).count(), 1);
    }
}
