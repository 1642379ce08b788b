//! Source pictures on their way into the model, resized to the very bytes that Pillow makes, which the published
//! weights are used with.

mod cover;
mod kernel;
mod resize;
mod tensor;

pub use cover::cover;
pub use kernel::Filter;
pub use resize::resize;
pub use tensor::to_tensor;
