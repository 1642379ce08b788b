//! `clipmill-wan render`: a prompt or an image to pictures or raw frames.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clipmill_wan::Error;

use crate::job::Job;
use crate::watch::Clock;

/// Render a prompt or an image to pictures or raw frames
#[derive(Debug, clap::Args)]
pub(crate) struct Render {
    #[command(flatten)]
    job: Job,
    /// A folder for frame-0001.png and so on; or, with the ending .rgb, a file of packed 8-bit RGB frames
    #[arg(long, default_value = "frames")]
    output: PathBuf,
}

impl Render {
    pub(crate) fn run(&self) -> Result<()> {
        let (model, images, clock) = (self.job.model()?, self.job.images()?, Clock::new());
        let mut sink = Sink::open(&self.output)?;
        let mut failed = None;
        let rendered = model.render(&self.job.request(&images), &self.job.settings(), &clock, &mut |frame| {
            sink.push(&frame).map_err(|error| {
                failed = Some(error);
                Error::Stopped
            })
        });
        clock.finish();
        match failed {
            Some(error) => return Err(error),
            None => rendered?,
        }
        sink.finish()?;
        eprintln!("Wrote {} frames to {}", self.job.frames, self.output.display());
        Ok(())
    }
}

enum Sink {
    Pictures { folder: PathBuf, written: usize },
    Raw(BufWriter<File>),
}

impl Sink {
    fn open(output: &PathBuf) -> Result<Self> {
        let context = || format!("cannot write to {}", output.display());
        if output.extension().is_some_and(|ending| ending == "rgb") {
            return Ok(Self::Raw(BufWriter::new(File::create(output).with_context(context)?)));
        }
        std::fs::create_dir_all(output).with_context(context)?;
        Ok(Self::Pictures { folder: output.clone(), written: 0 })
    }

    fn push(&mut self, frame: &image::RgbImage) -> Result<()> {
        match self {
            Self::Raw(file) => file.write_all(frame.as_raw()).context("cannot write a frame"),
            Self::Pictures { folder, written } => {
                *written += 1;
                let file = folder.join(format!("frame-{written:04}.png"));
                frame.save(&file).with_context(|| format!("cannot write {}", file.display()))
            }
        }
    }

    fn finish(self) -> Result<()> {
        if let Self::Raw(mut file) = self {
            file.flush().context("cannot write the last frames")?;
        }
        Ok(())
    }
}
