//! Recorded functions as C, which is also CUDA C.

use std::fmt::Write;

use super::{Binary, Function, Node, Traced, Unary};

impl Function {
    /// The function as `DEVICE void name(const float *k, const float *in, float *out)`.
    ///
    /// `k` holds the [constants](Self::constants), `in` the arguments and `out` receives the results; the
    /// functions that it calls are those of [`PRELUDE`](crate::cuda::PRELUDE).
    pub fn print(&self, name: &str) -> String {
        let mut text =
            format!("DEVICE void {name}(const float *k, const float *in, float *out) {{\n");
        let needed = self.needed();
        for (number, node) in self.nodes.iter().enumerate().filter(|(number, _)| needed[*number]) {
            writeln!(text, "    const float n{number} = {};", expression(*node)).expect("a string");
        }
        for (index, output) in self.outputs.iter().enumerate() {
            writeln!(text, "    out[{index}] = {output};").expect("a string");
        }
        text + "}\n"
    }
}

fn expression(node: Node) -> String {
    match node {
        Node::Input(index) => format!("in[{index}]"),
        Node::Constant(index) => format!("k[{index}]"),
        Node::Unary(operation, a) => match operation {
            Unary::Neg => format!("-{a}"),
            Unary::Abs => format!("fabsf({a})"),
            Unary::Exp => format!("real_exp({a})"),
            Unary::Ln => format!("real_ln({a})"),
            Unary::Cos => format!("real_cos({a})"),
            Unary::Relu => format!("({a} > 0.0f ? {a} : 0.0f)"),
            Unary::Heaviside(false) => format!("({a} > 0.0f ? 1.0f : 0.0f)"),
            Unary::Heaviside(true) => format!("({a} >= 0.0f ? 1.0f : 0.0f)"),
            Unary::Recip => format!("1.0f / {a}"),
        },
        Node::Binary(operation, a, b) => {
            let sign = match operation {
                Binary::Add => '+',
                Binary::Sub => '-',
                Binary::Mul => '*',
                Binary::Div => '/',
            };
            format!("{a} {sign} {b}")
        }
    }
}

impl std::fmt::Display for Traced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "n{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use crate::real::Real;
    use crate::trace::Function;

    #[test]
    fn the_text_names_constants_by_number_and_leaves_out_what_nobody_needs() {
        let text = |slope: f32| {
            let function = Function::record(2, |x| {
                let _unused = x[0].exp();
                vec![x[1].heaviside(true) * slope + 1.0]
            });
            function.print("step")
        };
        let expected = "\
DEVICE void step(const float *k, const float *in, float *out) {
    const float n1 = in[1];
    const float n3 = (n1 >= 0.0f ? 1.0f : 0.0f);
    const float n4 = k[0];
    const float n5 = n3 * n4;
    const float n6 = k[1];
    const float n7 = n5 + n6;
    out[0] = n7;
}
";
        assert_eq!(text(2.0), expected);
        assert_eq!(text(3.0), expected);
    }
}
