mod expiry;
mod image_to_video;
mod operator;
mod queue;
mod text_to_video;
mod webhook;
