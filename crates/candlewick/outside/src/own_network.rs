//! A network of one's own, in which layers of one's own stand beside those of candlewick.

use candlewick::core::Result;
use candlewick::network::{
    Architecture, AveragePool, ConvolutionSettings, Features, Flatten, NetworkBuilder,
};

use crate::own_backward::Gain;
use crate::own_layer::LateralInhibition;

/// Two convolutions with neurons; behind the first, inhibition between the channels and a gain.
#[derive(Debug)]
pub struct Inhibited {
    /// Channels of the convolutions.
    pub channels: usize,
}

impl Architecture for Inhibited {
    fn build(
        &self,
        builder: &mut NetworkBuilder<'_>,
        input: Features,
        classes: usize,
    ) -> Result<()> {
        let convolution = ConvolutionSettings::same(self.channels, 3);
        let mut features = builder.add(|b| b.convolution_block("first", input, convolution))?;
        features = builder.add(|b| LateralInhibition::new(features, &b.scope("inhibition")))?;
        features = builder.add(|b| Gain::new(features, &b.scope("gain")))?;
        features = builder.add(|_| AveragePool::new(features, 2))?;
        features = builder.add(|b| b.convolution_block("second", features, convolution))?;
        features = builder.add(|_| Ok(Flatten::new(features)))?;
        builder.classifier(features, classes)
    }
}

#[cfg(test)]
mod tests {
    use candlewick::network::Network;

    use super::*;
    use crate::digits::{LEARNED, trained};

    #[test]
    fn it_learns_with_all_its_layers() -> crate::Result<()> {
        let (network, accuracy) = trained(&Network::of(Inhibited { channels: 12 }))?;
        for (name, start) in [("inhibition.strength", 0.5), ("gain.gain", 1.0)] {
            let learned = network.parameters().get(name).expect("a parameter");
            let learned = learned.variable.to_vec1::<f32>()?;
            assert!(learned.iter().all(|&value| value != start), "{name}: {learned:?}");
        }
        assert!(accuracy >= LEARNED, "{accuracy}");
        Ok(())
    }

    #[test]
    fn what_each_layer_does_is_written_in_less_than_30_lines() {
        for source in [include_str!("own_layer.rs"), include_str!("own_backward.rs")] {
            let start = source.find("impl Layer for").expect("a layer");
            let lines = source[start..].lines().take_while(|line| *line != "}").count() + 1;
            assert!((10..30).contains(&lines), "{lines}");
        }
    }
}
