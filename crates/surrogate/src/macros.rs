//! What many surrogates share: one parameter that must be positive.

/// Inside `impl Shape`: the field is the surrogate's parameter, a number above 0.
macro_rules! positive_parameter {
    ($field:ident) => {
        fn parameter(&self) -> Option<f32> {
            Some(self.$field)
        }

        fn with_parameter(&self, $field: f32) -> Self {
            let mut changed = self.clone();
            changed.$field = $field;
            changed
        }

        fn problem(&self) -> Option<(&'static str, &'static str)> {
            let usable = self.$field.is_finite() && self.$field > 0.0;
            (!usable).then_some((stringify!($field), "a number above 0"))
        }
    };
}

/// Inside `impl Shape`: the primitive is `G(α x)`, so that its derivative with respect
/// to α is `x / α · sg(x)`.
macro_rules! sharpness {
    ($field:ident) => {
        crate::macros::positive_parameter!($field);

        #[inline(always)]
        fn parameter_derivative<V: Real>(&self, x: V) -> V {
            Shape::derivative(self, x.clone()) * x * (1.0 / self.$field)
        }
    };
}

/// Inside `impl Shape`: the primitive is `G(x / w)`, so that its derivative with respect to w is
/// `-x / w · sg(x)`.
macro_rules! width {
    ($field:ident) => {
        crate::macros::positive_parameter!($field);

        #[inline(always)]
        fn parameter_derivative<V: Real>(&self, x: V) -> V {
            Shape::derivative(self, x.clone()) * x * (-1.0 / self.$field)
        }
    };
}

pub(crate) use {positive_parameter, sharpness, width};
