//! Pooling: `pool.cu`.

use candle_core::Result;
use candlewick_kernels::pool::Pool2d;

use crate::{Argument, Floats, Queue};

fn geometry(pool: &Pool2d) -> Argument<'static> {
    let Pool2d { images, height, width, channels, kernel, stride, padding } = *pool;
    let [output_height, output_width] = pool.output_size();
    let sizes = [
        images,
        height,
        width,
        channels,
        kernel[0],
        kernel[1],
        stride[0],
        stride[1],
        padding[0],
        padding[1],
        output_height,
        output_width,
    ];
    Argument::Structure(sizes.map(|size| size as u32).to_vec())
}

impl Queue {
    /// The mean of each window.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn average_pool(&self, pool: &Pool2d, x: &Floats) -> Result<Floats> {
        let out = self.floats(pool.output_len())?;
        let arguments = [Argument::In(x.flat(), 0), geometry(pool), Argument::Out(out.flat())];
        self.call("average_pool", out.len(), &arguments)?;
        Ok(out)
    }

    /// The gradient with respect to x of [`average_pool`](Self::average_pool).
    ///
    /// # Errors
    /// If the launch fails.
    pub fn average_pool_gradient(&self, pool: &Pool2d, gradient: &Floats) -> Result<Floats> {
        let out = self.floats(pool.input_len())?;
        let arguments =
            [Argument::In(gradient.flat(), 0), geometry(pool), Argument::Out(out.flat())];
        self.call("average_pool_gradient", out.len(), &arguments)?;
        Ok(out)
    }

    /// The maximum of each window.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn max_pool(&self, pool: &Pool2d, x: &Floats) -> Result<Floats> {
        let out = self.floats(pool.output_len())?;
        let arguments = [Argument::In(x.flat(), 0), geometry(pool), Argument::Out(out.flat())];
        self.call("max_pool", out.len(), &arguments)?;
        Ok(out)
    }

    /// The gradient with respect to x of [`max_pool`](Self::max_pool), which goes to the first maximum.
    ///
    /// # Errors
    /// If the launch fails.
    pub fn max_pool_gradient(
        &self,
        pool: &Pool2d,
        x: &Floats,
        gradient: &Floats,
    ) -> Result<Floats> {
        let out = self.floats(pool.input_len())?;
        let arguments = [
            Argument::In(x.flat(), 0),
            Argument::In(gradient.flat(), 0),
            geometry(pool),
            Argument::Out(out.flat()),
        ];
        self.call("max_pool_gradient", out.len(), &arguments)?;
        Ok(out)
    }
}
