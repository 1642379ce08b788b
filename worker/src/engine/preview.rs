//! The preview engine: `clipmill-preview` behind the engines' common face.

use clipmill_preview::Picture;

use super::{Engine, EngineError, FrameSink, Request, Watch};

/// An engine without a model. It needs no weights and no GPU, and draws faster than real time on two cores.
#[derive(Debug, Clone, Copy, Default)]
pub struct PreviewEngine;

impl PreviewEngine {
    /// The engine; there is nothing to set up.
    pub fn new() -> Self {
        Self
    }
}

impl Engine for PreviewEngine {
    fn name(&self) -> &str {
        "preview"
    }

    fn render(&self, request: &Request, watch: &Watch, out: &mut dyn FrameSink) -> Result<(), EngineError> {
        let picture = Picture::new(&asked(request)).map_err(|error| EngineError::Rejected(error.to_string()))?;
        for number in 0..request.frames {
            if watch.stopped() {
                return Err(EngineError::Stopped);
            }
            out.push(picture.frame(number))?;
            watch.progress(number + 1, request.frames);
        }
        Ok(())
    }
}

fn asked(request: &Request) -> clipmill_preview::Request<'_> {
    clipmill_preview::Request {
        prompt: &request.prompt,
        width: request.width,
        height: request.height,
        frames: request.frames,
        fps: request.fps,
        seed: request.seed,
        first_frame: request.first_frame.as_ref(),
        last_frame: request.last_frame.as_ref(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Frame;
    use super::*;

    #[derive(Default)]
    struct Reel(Vec<Frame>);

    impl FrameSink for Reel {
        fn push(&mut self, frame: Frame) -> Result<(), EngineError> {
            self.0.push(frame);
            Ok(())
        }
    }

    fn request([width, height]: [u32; 2], frames: u32) -> Request {
        let (negative_prompt, first_frame, last_frame) = (None, None, None);
        Request {
            prompt: "sea".to_owned(),
            negative_prompt,
            width,
            height,
            frames,
            fps: 24,
            seed: 1,
            first_frame,
            last_frame,
        }
    }

    #[test]
    fn a_stopped_engine_delivers_no_further_frame() {
        struct StopAfter(Watch, u32);
        impl FrameSink for StopAfter {
            fn push(&mut self, _: Frame) -> Result<(), EngineError> {
                self.1 += 1;
                if self.1 == 3 {
                    self.0.stop();
                }
                Ok(())
            }
        }
        let watch = Watch::default();
        let mut sink = StopAfter(watch.clone(), 0);
        let end = PreviewEngine::new().render(&request([64, 36], 100), &watch, &mut sink);
        assert!(matches!(end, Err(EngineError::Stopped)));
        assert_eq!((sink.1, watch.percent()), (3, 3));
    }

    #[test]
    fn what_the_sink_answers_is_passed_on() {
        struct Full;
        impl FrameSink for Full {
            fn push(&mut self, _: Frame) -> Result<(), EngineError> {
                Err(EngineError::Transient("the disk is full".into()))
            }
        }
        let end = PreviewEngine::new().render(&request([64, 36], 9), &Watch::default(), &mut Full);
        assert!(matches!(end, Err(EngineError::Transient(_))));
    }

    #[test]
    fn progress_ends_at_a_hundred() {
        let watch = Watch::default();
        PreviewEngine::new().render(&request([64, 36], 3), &watch, &mut Reel::default()).unwrap();
        assert_eq!(watch.percent(), 100);
    }

    #[test]
    fn what_cannot_be_drawn_is_rejected() {
        let picture = Some(Frame::new(0, 4));
        for request in [request([64, 36], 0), Request { last_frame: picture, ..request([64, 36], 3) }] {
            let end = PreviewEngine::new().render(&request, &Watch::default(), &mut Reel::default());
            assert!(matches!(end, Err(EngineError::Rejected(_))), "{request:?}");
        }
    }
}
