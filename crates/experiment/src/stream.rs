//! A trained network on events as they come, window by window.

use std::collections::VecDeque;

use candle_core::{Device, Tensor};
use candlewick_datasets::{Events, Shape};
use candlewick_encode::{Augmentation, Eventizer, FrameShape, Frames, Outside};
use candlewick_network::Stream;

use crate::{Error, Result, Trained};

/// A trained network with the state of its neurons, fed with windows of events.
#[derive(Debug)]
pub struct EventStream<'a> {
    name: &'a str,
    eventizer: Eventizer,
    frames: Frames,
    stream: Stream<'a>,
    /// Logits of the last windows, as many as the network was trained with.
    recent: VecDeque<Vec<f32>>,
    time_steps: usize,
}

impl Trained {
    /// Starts a stream of events of a sensor of `width` columns and `height` rows, in which each time
    /// step of the network is a window of events, prepared as in the training.
    ///
    /// # Errors
    /// If the network was trained on something else than event recordings of such a sensor, or its
    /// frames go through an encoder or a transform before the network.
    pub fn event_stream(&self, width: usize, height: usize) -> Result<EventStream<'_>> {
        let (recipe, name) = (self.recipe(), self.recipe().data.name.as_str());
        let wrong =
            |field: String, expected: String| Error::Field { name: name.into(), field, expected };
        if self.shape() != (Shape::Events { width, height }) {
            let found = format!("a stream of events of {width}×{height} pixels");
            return Err(wrong(found, format!("{}, as in the training", self.shape())));
        }
        if recipe.input.encoder.name() != "direct" {
            let field = format!("input.encoder: {}", recipe.input.encoder.name());
            return Err(wrong(field, "direct, for a network that runs on a stream".into()));
        }
        if recipe.input.augment.evaluation() != Augmentation::default() {
            let expected = "none that acts in an evaluation, for a network that runs on a stream";
            return Err(wrong("input.augment".into(), expected.into()));
        }
        let eventizer = recipe.input.events.prepare(height, width, 1)?;
        Ok(EventStream {
            name,
            frames: Frames::new(eventizer.shape()),
            eventizer,
            stream: self.network().stream(1),
            recent: VecDeque::new(),
            time_steps: recipe.train.time_steps().max(1),
        })
    }
}

impl EventStream<'_> {
    /// Runs the network for one time step on the events of a window; gives the sum of the logits of
    /// the last windows, one number per class.
    ///
    /// # Errors
    /// If an event is outside of the sensor.
    pub fn step(&mut self, window: Events) -> Result<Vec<f32>> {
        let outside = |outside: Outside| Error::Field {
            name: self.name.into(),
            field: outside.to_string(),
            expected: "events inside of the sensor".into(),
        };
        self.eventizer.apply(window, &mut self.frames).map_err(outside)?;
        let failed =
            |source: candlewick_core::Error| Error::Network { name: self.name.into(), source };
        let FrameShape { channels, height, width, .. } = self.frames.shape();
        let frame = self.frames.frame(0).to_vec();
        let x = if self.eventizer.is_flat() {
            Tensor::from_vec(frame, (1, channels * height * width), &Device::Cpu)
        } else {
            Tensor::from_vec(frame, (1, height, width, channels), &Device::Cpu)
        };
        let logits = x.map_err(candlewick_core::Error::from).and_then(|x| self.stream.step(&x));
        let logits = logits.and_then(|logits| Ok(logits.get(0)?.to_vec1::<f32>()?));
        self.recent.push_back(logits.map_err(failed)?);
        if self.recent.len() > self.time_steps {
            self.recent.pop_front();
        }
        let mut sums = vec![0.0; self.recent[0].len()];
        for logits in &self.recent {
            sums.iter_mut().zip(logits).for_each(|(sum, logit)| *sum += logit);
        }
        Ok(sums)
    }
}
