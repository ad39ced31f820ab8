//! Networks as the papers write them: `64C3-AP2-128C3-AP2-FC10`.

use candlewick_core::initializer::Initializer;
use candlewick_core::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::width::scaling;
use crate::{
    Architecture, AveragePool, ConvolutionSettings, Dropout, Features, Flatten, GlobalAveragePool,
    LinearSettings, MaxPool, NetworkBuilder,
};

/// A network given by its spec string, as the papers write it: `64C3-AP2-128C3-AP2-FC10`.
///
/// | token | layer |
/// |---|---|
/// | `64C3` | 3×3 convolution with 64 channels, stride 1, size kept, normalization, neurons |
/// | `64C3S2` | the same with stride 2 |
/// | `AP2`, `MP2` | average, maximum pooling of 2×2 |
/// | `GAP` | global average pooling |
/// | `DP0.2` | dropout with probability 0.2, one mask for all time steps |
/// | `FC256` | linear layer, neurons |
/// | `FC10` at the end | the classifier: a linear layer without neurons |
///
/// A stage ends with a pooling layer that a convolution follows, and before a convolution with a
/// stride; a map is flattened before the first `FC`. The classifier must have as many outputs as there are classes.
///
/// ```
/// use candle_core::Device;
/// use candlewick_core::{Key, parameters::seeded};
/// use candlewick_network::{Features, Network};
///
/// let image = Features::Map { height: 8, width: 8, channels: 1 };
/// let build = |spec| Network::spec(spec).build(image, 10, seeded(&Device::Cpu, Key::new(1)));
/// let network = build("16C3-AP2-FC10")?;
/// assert_eq!(network.layer_names(), ["convolution1"]);
/// let error = build("16C3-XP2-FC10").unwrap_err().to_string();
/// assert!(error.contains("XP2"), "{error}");
/// # Ok::<(), candlewick_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The layers, such as `"64C3-AP2-128C3-AP2-FC10"`.
    pub layers: String,
    /// Whether convolutions have a bias. Default false.
    #[serde(default)]
    pub bias: bool,
}

impl Default for Spec {
    fn default() -> Self {
        Self { layers: "64C3-128C3-AP2-256C3-AP2-256C3-GAP-FC10".into(), bias: false }
    }
}

/// One token of a spec string.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Convolution { channels: usize, kernel: usize, stride: usize },
    AveragePool(usize),
    MaxPool(usize),
    GlobalAveragePool,
    Dropout(f32),
    Linear(usize),
}

impl Token {
    fn parse(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let number = |text: &str| text.parse::<usize>().ok().filter(|&number| number > 0);
        if upper == "GAP" {
            Some(Self::GlobalAveragePool)
        } else if let Some(size) = upper.strip_prefix("AP") {
            number(size).map(Self::AveragePool)
        } else if let Some(size) = upper.strip_prefix("MP") {
            number(size).map(Self::MaxPool)
        } else if let Some(size) = upper.strip_prefix("FC") {
            number(size).map(Self::Linear)
        } else if let Some(p) = upper.strip_prefix("DP") {
            p.parse().ok().filter(|p| (0.0..1.0).contains(p)).map(Self::Dropout)
        } else {
            let (channels, kernel) = upper.split_once('C')?;
            let (kernel, stride) = kernel.split_once('S').unwrap_or((kernel, "1"));
            Some(Self::Convolution {
                channels: number(channels)?,
                kernel: number(kernel)?,
                stride: number(stride)?,
            })
        }
    }
}

/// A spec string with what differs between the networks that are made of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain<'a> {
    /// Name and layers, for errors.
    pub(crate) network: &'a str,
    pub(crate) layers: &'a str,
    /// Whether convolutions have a bias.
    pub(crate) bias: bool,
    /// How the weights of convolutions and of normalized linear layers start.
    pub(crate) initializer: Initializer,
    /// Whether spiking linear layers are normalized, and then have no bias.
    pub(crate) normalize_linear: bool,
    /// Multiplies the channels of all spiking layers.
    pub(crate) width: f32,
}

impl<'a> Chain<'a> {
    /// Convolutions that start as those of TET, without a bias.
    pub(crate) fn new(network: &'a str, layers: &'a str) -> Self {
        let initializer = ConvolutionSettings::same(1, 1).initializer;
        let (bias, normalize_linear, width) = (false, false, 1.0);
        Self { network, layers, bias, initializer, normalize_linear, width }
    }

    fn error(&self, expected: String, got: String) -> Error {
        Error::Setting {
            field: format!("network.{}.layers `{}`", self.network, self.layers),
            expected,
            got,
        }
    }

    fn tokens(&self) -> Result<Vec<Token>> {
        let mut tokens = Vec::new();
        for (position, text) in self.layers.split('-').enumerate() {
            tokens.push(Token::parse(text).ok_or_else(|| {
                self.error(
                    "tokens such as 64C3, 64C3S2, AP2, MP2, GAP, DP0.2, FC10".into(),
                    format!("`{text}` as token {}", position + 1),
                )
            })?);
        }
        match tokens.last() {
            Some(Token::Linear(_)) => Ok(tokens),
            _ => Err(self.error("`FC<classes>` as the last token".into(), "none".into())),
        }
    }

    /// Builds the layers.
    ///
    /// # Errors
    /// If they do not fit the input or the number of classes.
    pub(crate) fn build(
        &self,
        builder: &mut NetworkBuilder<'_>,
        input: Features,
        classes: usize,
    ) -> Result<()> {
        let scaled = scaling(self.network, self.width)?;
        let tokens = self.tokens()?;
        if tokens.last() != Some(&Token::Linear(classes)) {
            return Err(self.error(
                format!("FC{classes} at the end, for the {classes} classes of the data"),
                self.layers.rsplit('-').next().unwrap_or_default().to_owned(),
            ));
        }
        let mut features = input;
        let (mut convolutions, mut linears, mut dropouts) = (0, 0, 0);
        for (position, token) in tokens[..tokens.len() - 1].iter().enumerate() {
            match *token {
                Token::Convolution { channels, kernel, stride } => {
                    convolutions += 1;
                    let settings = ConvolutionSettings {
                        stride,
                        bias: self.bias,
                        initializer: self.initializer,
                        ..ConvolutionSettings::same(scaled(channels), kernel)
                    };
                    let path = format!("convolution{convolutions}");
                    features = builder
                        .add(|builder| builder.convolution_block(&path, features, settings))?;
                }
                Token::AveragePool(size) => {
                    features = builder.add(|_| AveragePool::new(features, size))?;
                }
                Token::MaxPool(size) => {
                    features = builder.add(|_| MaxPool::new(features, size))?;
                }
                Token::GlobalAveragePool => {
                    features = builder.add(|_| GlobalAveragePool::new(features))?;
                }
                Token::Dropout(p) => {
                    dropouts += 1;
                    let path = format!("dropout{dropouts}");
                    features = builder.add(|_| Dropout::new(&path, features, p))?;
                }
                Token::Linear(outputs) => {
                    linears += 1;
                    features = flattened(builder, features)?;
                    let path = format!("linear{linears}");
                    let settings = self.linear(scaled(outputs));
                    features =
                        builder.add(|builder| builder.linear_block(&path, features, settings))?;
                }
            }
            if ends_stage(*token, &tokens[position + 1..]) {
                builder.end_stage(features);
            }
        }
        features = flattened(builder, features)?;
        builder.classifier(features, classes)
    }

    fn linear(&self, outputs: usize) -> LinearSettings {
        let settings = LinearSettings::new(outputs);
        if !self.normalize_linear {
            return settings;
        }
        let initializer = self.initializer;
        LinearSettings { bias: false, normalize: true, initializer, ..settings }
    }
}

impl Architecture for Spec {
    fn build(
        &self,
        builder: &mut NetworkBuilder<'_>,
        input: Features,
        classes: usize,
    ) -> Result<()> {
        let chain = Chain { bias: self.bias, ..Chain::new("spec", &self.layers) };
        chain.build(builder, input, classes)
    }
}

/// Whether a stage ends behind `token`, which `rest` follows.
fn ends_stage(token: Token, rest: &[Token]) -> bool {
    match token {
        Token::AveragePool(_) | Token::MaxPool(_) => {
            rest.iter().any(|token| matches!(token, Token::Convolution { .. }))
        }
        _ => matches!(rest.first(), Some(Token::Convolution { stride: 2.., .. })),
    }
}

fn flattened(builder: &mut NetworkBuilder<'_>, features: Features) -> Result<Features> {
    match features {
        Features::Map { .. } => builder.add(|_| Ok(Flatten::new(features))),
        Features::Vector { .. } => Ok(features),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_by_hand() {
        let cases = [
            ("64C3", Some(Token::Convolution { channels: 64, kernel: 3, stride: 1 })),
            ("16c5s2", Some(Token::Convolution { channels: 16, kernel: 5, stride: 2 })),
            ("AP2", Some(Token::AveragePool(2))),
            ("MP3", Some(Token::MaxPool(3))),
            ("GAP", Some(Token::GlobalAveragePool)),
            ("DP0.25", Some(Token::Dropout(0.25))),
            ("FC10", Some(Token::Linear(10))),
            ("DP1", None),
            ("C3", None),
            ("64C", None),
            ("AP0", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Token::parse(text), expected, "{text}");
        }
        assert_eq!(cases.len(), 12);
    }

    #[test]
    fn a_wrong_token_is_named() {
        let error = Chain::new("spec", "64C3-XY-FC10").tokens().unwrap_err().to_string();
        assert!(error.contains("`XY` as token 2"), "{error}");
        let error = Chain::new("spec", "64C3-AP2").tokens().unwrap_err().to_string();
        assert!(error.contains("as the last token"), "{error}");
    }
}
