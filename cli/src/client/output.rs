//! What the finished file shall be like.

/// What the finished file shall be like. What is left out, the server chooses.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct OutputOptions {
    /// How the pictures are compressed, as far as the server's workers can
    #[arg(long, value_parser = ["h264", "hevc", "av1"])]
    pub codec: Option<String>,

    /// How much of the picture compression may cost
    #[arg(long, value_parser = ["compact", "standard", "high"])]
    pub quality: Option<String>,

    /// MP4 with its index in front, or in fragments
    #[arg(long, value_parser = ["mp4", "fragmented_mp4"])]
    pub container: Option<String>,

    /// Width and height of the file in pixels, if they are not those that are drawn
    #[arg(long, value_name = "WxH")]
    pub output_size: Option<String>,

    /// Frames per second of the file, if they are more than are drawn
    #[arg(long, value_name = "N")]
    pub output_fps: Option<u32>,

    /// Let the end flow into the beginning
    #[arg(long = "loop")]
    pub looped: bool,
}

impl OutputOptions {
    /// The fields of a submit that say so.
    pub(super) fn fields(&self) -> [(&'static str, Option<String>); 6] {
        [
            ("output[codec]", self.codec.clone()),
            ("output[quality]", self.quality.clone()),
            ("output[container]", self.container.clone()),
            ("output[size]", self.output_size.clone()),
            ("output[fps]", self.output_fps.map(|fps| fps.to_string())),
            ("output[loop]", self.looped.then(|| "true".to_owned())),
        ]
    }
}
