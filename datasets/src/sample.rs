//! What a data set is made of: images, arrays of numbers and event recordings, as the files store them.

use std::borrow::Cow;
use std::fmt;

/// The two parts of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The samples to learn from.
    Train,
    /// The samples to measure with.
    Test,
}

impl Split {
    /// Both, in the order train, test.
    pub const ALL: [Self; 2] = [Self::Train, Self::Test];

    /// `"train"` or `"test"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// The kind of a data set's samples and the shape they have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Images, all of one size; height and width are 0 where they differ.
    Image {
        /// 1 for grey, 3 for red, green, blue.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// Arrays of numbers that are laid out as images.
    Array {
        /// Channels.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// Vectors of numbers, such as the rows of a table.
    Vector {
        /// Elements.
        size: usize,
    },
    /// Event recordings of one sensor.
    Events {
        /// Columns of the sensor; `x` is below.
        width: usize,
        /// Rows of the sensor; `y` is below.
        height: usize,
    },
}

impl Shape {
    /// Whether a sample of the shape `other` is one of these: images of different sizes have any size.
    pub fn holds(self, other: Self) -> bool {
        match (self, other) {
            (Self::Image { channels, height: 0, .. }, Self::Image { channels: found, .. }) => {
                channels == found
            }
            _ => self == other,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Image { channels, height: 0, .. } => {
                write!(f, "images of any size with {channels} channels")
            }
            Self::Image { channels, height, width } => {
                write!(f, "images of {height}×{width}×{channels}")
            }
            Self::Array { channels, height, width } => {
                write!(f, "arrays of {height}×{width}×{channels}")
            }
            Self::Vector { size: 0 } => {
                write!(f, "vectors or arrays of the size that the files have")
            }
            Self::Vector { size } => write!(f, "vectors of {size}"),
            Self::Events { width: 0, .. } => write!(f, "events of the sensor that the files state"),
            Self::Events { width, height } => write!(f, "events of a {width}×{height} sensor"),
        }
    }
}

/// An image of bytes in the order channel, row, column.
///
/// ```
/// use candlewick_datasets::{Image, Sample, Shape};
///
/// let image = Image { channels: 1, height: 2, width: 3, pixels: vec![0; 6].into() };
/// assert_eq!(Sample::Image(image).shape(), Shape::Image { channels: 1, height: 2, width: 3 });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `channels * height * width` values in 0..=255, `[channel, row, column]`.
    pub pixels: Cow<'a, [u8]>,
}

/// An array or a vector of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<'a> {
    /// [`Shape::Array`] or [`Shape::Vector`].
    pub shape: Shape,
    /// As many values as the shape has, `[channel, row, column]` or `[element]`.
    pub values: Cow<'a, [f32]>,
}

/// An event recording as a struct of arrays; all four arrays have the same length.
///
/// ```
/// use candlewick_datasets::Events;
///
/// let mut events = Events::with_capacity(128, 128, 2);
/// events.push(64, 10, 1_500, true); // column, row, microseconds, ON
/// events.push(65, 10, 1_000, false);
/// events.sort_by_time();
/// assert_eq!((events.len(), &events.t[..]), (2, &[1_000, 1_500][..]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Columns of the sensor.
    pub width: usize,
    /// Rows of the sensor.
    pub height: usize,
    /// Column of each event, as stored in the file.
    pub x: Vec<u16>,
    /// Row of each event, as stored in the file.
    pub y: Vec<u16>,
    /// Time of each event in microseconds, on the clock of the recording.
    pub t: Vec<i64>,
    /// Polarity of each event: `true` for ON, where the light grew.
    pub p: Vec<bool>,
}

impl Events {
    /// No events of a sensor of this size, with room for `capacity`.
    pub fn with_capacity(width: usize, height: usize, capacity: usize) -> Self {
        Self {
            width,
            height,
            x: Vec::with_capacity(capacity),
            y: Vec::with_capacity(capacity),
            t: Vec::with_capacity(capacity),
            p: Vec::with_capacity(capacity),
        }
    }

    /// Makes room for more events.
    pub fn reserve(&mut self, additional: usize) {
        self.x.reserve(additional);
        self.y.reserve(additional);
        self.t.reserve(additional);
        self.p.reserve(additional);
    }

    /// The number of events.
    pub fn len(&self) -> usize {
        self.t.len()
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.t.is_empty()
    }

    /// Keeps the first `len` events.
    pub fn truncate(&mut self, len: usize) {
        self.x.truncate(len);
        self.y.truncate(len);
        self.t.truncate(len);
        self.p.truncate(len);
    }

    /// Appends one event.
    #[inline]
    pub fn push(&mut self, x: u16, y: u16, t: i64, p: bool) {
        self.x.push(x);
        self.y.push(y);
        self.t.push(t);
        self.p.push(p);
    }

    /// The events on a sensor of another size: each goes to the pixel that covers its place.
    #[must_use]
    pub fn scaled(mut self, width: usize, height: usize) -> Self {
        for (places, from, to) in
            [(&mut self.x, self.width, width), (&mut self.y, self.height, height)]
        {
            for place in places {
                *place = (usize::from(*place) * to / from.max(1)) as u16;
            }
        }
        (self.width, self.height) = (width, height);
        self
    }

    /// Puts the events into the order of their times; events of equal time keep their order.
    pub fn sort_by_time(&mut self) {
        if self.t.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|&index| self.t[index]);
        self.x = order.iter().map(|&index| self.x[index]).collect();
        self.y = order.iter().map(|&index| self.y[index]).collect();
        self.t = order.iter().map(|&index| self.t[index]).collect();
        self.p = order.iter().map(|&index| self.p[index]).collect();
    }
}

/// One sample of a data set.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample<'a> {
    /// An image.
    Image(Image<'a>),
    /// An array or a vector of numbers.
    Array(Array<'a>),
    /// An event recording.
    Events(Events),
}

impl Sample<'_> {
    /// The shape of this sample, to compare with that of its data set.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Image(image) => {
                Shape::Image { channels: image.channels, height: image.height, width: image.width }
            }
            Self::Array(array) => array.shape,
            Self::Events(events) => Shape::Events { width: events.width, height: events.height },
        }
    }
}
