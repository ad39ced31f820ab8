/* The scan of scan/forward.rs and scan/backward.rs: a thread owns one channel of a span of rows and walks
   through all time steps of each of its neurons.

   In front of this text stand the printed functions `charge`, `distance`, `reset`, `effective`, their
   `*_backward`, `derivative` and `parameter_derivative`, and the macros
     STEPS, STATES, PARAMETERS            T, S, P
     FIRES, INCLUSIVE, THROUGH_RESET      the neuron's firing rule
     MEASURE                              whether potentials and currents are summed up
     LEARNS                               whether the surrogate's parameter learns
     MASKED                               whether a random mask sets derivatives to 0
     CONSTANTS, K_CHARGE, ...             how many constants there are, and where those of a function start */

/* Few time steps stay in registers, many go to the memory of the thread. */
#if STEPS <= 16
#define UNROLL_STEPS UNROLL
#else
#define UNROLL_STEPS
#endif

typedef struct { float values[CONSTANTS]; } Constants;

DEVICE float current(const float *x, const float *mean, const float *scale, const float *shift, u64 at, u32 channel) {
    return mean ? (x[at] - mean[channel]) * scale[channel] + shift[channel] : x[at];
}

DEVICE void join(const float *a, u32 length_a, const float *b, u32 length_b, float *out) {
    UNROLL
    for (u32 i = 0; i < length_a; i++) out[i] = a[i];
    UNROLL
    for (u32 i = 0; i < length_b; i++) out[length_a + i] = b[i];
}

/* From the state before a step to that before firing. */
DEVICE void charge_step(const float *k, const float *parameters, const float *state, float x, float *charged) {
    float in[PARAMETERS + STATES + 1];
    join(parameters, PARAMETERS, state, STATES, in);
    in[PARAMETERS + STATES] = x;
    charge(k + K_CHARGE, in, charged);
}

/* From the state before firing to that after it; gives the distance to the threshold. */
DEVICE float fire_step(const float *k, const float *parameters, const float *charged, float *spike, float *state) {
    float in[PARAMETERS + STATES + 1], above;
    join(parameters, PARAMETERS, charged, STATES, in);
    distance(k + K_DISTANCE, in, &above);
    *spike = (INCLUSIVE ? above >= 0.0f : above > 0.0f) ? 1.0f : 0.0f;
    in[PARAMETERS + STATES] = *spike;
    reset(k + K_RESET, in, state);
    return above;
}

DEVICE void see_parameters(const float *k, const float *learned, float *parameters) {
    float in[PARAMETERS + 1];
    for (u32 p = 0; p < PARAMETERS; p++) in[p] = learned[p];
    if (PARAMETERS > 0) effective(k + K_EFFECTIVE, in, parameters);
}

/* Currents are the sum of x0 and, where it is not null, x1, each [STEPS, rows, channels] with `step` values
   from one time step to the next (0 if it is the same at each), normalized per channel where a mean is given.
   `before` [STATES, rows, channels] may be null, and so may `after`.
   `sums` [kinds, chunks, channels], to which the spikes are added if asked: spikes; with MEASURE also
   potentials, their squares, currents, their squares, potentials of neurons that fire. */
KERNEL scan_forward(
    const float *x0, const float *mean0, const float *scale0, const float *shift0, u64 step0,
    const float *x1, const float *mean1, const float *scale1, const float *shift1, u64 step1,
    const float *learned, const float *before, Constants constants,
    u32 rows, u32 channels, u32 span, float *output, float *after, u32 add, double *sums
) {
    const u32 channel = (u32)(THREAD % channels);
    const u64 chunk = THREAD / channels, chunks = (rows + span - 1) / span;
    if (chunk >= chunks) return;
    const float *k = constants.values;
    const u64 neurons = (u64)rows * channels;
    float parameters[PARAMETERS + 1];
    see_parameters(k, learned, parameters);
    double spikes = 0, potentials = 0, squares = 0, currents = 0, current_squares = 0, products = 0;
    for (u64 row = chunk * span; row < rows && row < (chunk + 1) * span; row++) {
        const u64 n = row * channels + channel;
        float state[STATES], charged[STATES];
        UNROLL
        for (u32 s = 0; s < STATES; s++) state[s] = before ? before[s * neurons + n] : k[K_INITIAL + s];
        for (u32 t = 0; t < STEPS; t++) {
            float x = current(x0, mean0, scale0, shift0, t * step0 + n, channel);
            if (x1) x += current(x1, mean1, scale1, shift1, t * step1 + n, channel);
            charge_step(k, parameters, state, x, charged);
            float out = charged[0], spike = 0.0f;
            if (FIRES) {
                fire_step(k, parameters, charged, &spike, state);
                out = spike;
                spikes += spike;
            } else {
                UNROLL
                for (u32 s = 0; s < STATES; s++) state[s] = charged[s];
            }
            output[t * neurons + n] = out;
            if (MEASURE) {
                const double u = charged[0], i = x;
                potentials += u;
                squares += u * u;
                currents += i;
                current_squares += i * i;
                products += spike * u;
            }
        }
        if (after) {
            UNROLL
            for (u32 s = 0; s < STATES; s++) after[s * neurons + n] = state[s];
        }
    }
    const u64 kind = chunks * channels;
    sums += chunk * channels + channel;
    sums[0] = add ? sums[0] + spikes : spikes;
    if (MEASURE) {
        sums[kind] = potentials;
        sums[2 * kind] = squares;
        sums[3 * kind] = currents;
        sums[4 * kind] = current_squares;
        sums[5 * kind] = products;
    }
}

/* `gradient` [STEPS, rows, channels] is that with respect to the output; `of_input` receives that with respect
   to the current, with `step` values from one time step to the next (0: the sum over all steps), and may be
   `gradient` itself unless the step is 0. `of_after` and `of_before` [STATES, rows, channels] may be null.
   Sums [kinds, chunks, channels] may be null, too: to `zeros` the derivatives that are 0 are added; `sums` are
   the gradients of the parameters that the equations see and, with LEARNS, that of the surrogate's parameter;
   `row_sums` are those that the gradient of a normalization needs: of the gradient with respect to the current,
   and of its products with x0 and x1 less their means. */
KERNEL scan_backward(
    const float *x0, const float *mean0, const float *scale0, const float *shift0, u64 step0,
    const float *x1, const float *mean1, const float *scale1, const float *shift1, u64 step1,
    const float *learned, const float *before, Constants constants,
    u32 rows, u32 channels, u32 span,
    u32 key0, u32 key1, u32 numerator, u32 digits, float mask_scale,
    float by_constant, float by_potential, float by_spike, float by_error,
    const float *gradient, const float *of_after, float *of_input, u64 step, float *of_before,
    double *zeros, double *sums, double *row_sums
) {
    const u32 channel = (u32)(THREAD % channels);
    const u64 chunk = THREAD / channels, chunks = (rows + span - 1) / span;
    if (chunk >= chunks) return;
    const float *k = constants.values;
    const u64 neurons = (u64)rows * channels;
    float parameters[PARAMETERS + 1];
    see_parameters(k, learned, parameters);
    double zero = 0, of_width = 0, of_parameters[PARAMETERS + 1], plain = 0, centered0 = 0, centered1 = 0;
    for (u32 p = 0; p < PARAMETERS; p++) of_parameters[p] = 0;
    for (u64 row = chunk * span; row < rows && row < (chunk + 1) * span; row++) {
        const u64 n = row * channels + channel;
        float states[STEPS][STATES], charged[STEPS][STATES], inputs[STEPS], distances[STEPS];
        float state[STATES], grad_state[STATES], of_sum = 0.0f;
        UNROLL
        for (u32 s = 0; s < STATES; s++) {
            state[s] = before ? before[s * neurons + n] : k[K_INITIAL + s];
            grad_state[s] = of_after ? of_after[s * neurons + n] : 0.0f;
        }
        UNROLL_STEPS
        for (u32 t = 0; t < STEPS; t++) {
            float x = current(x0, mean0, scale0, shift0, t * step0 + n, channel), spike;
            if (x1) x += current(x1, mean1, scale1, shift1, t * step1 + n, channel);
            inputs[t] = x;
            UNROLL
            for (u32 s = 0; s < STATES; s++) states[t][s] = state[s];
            charge_step(k, parameters, state, x, charged[t]);
            if (FIRES) {
                distances[t] = fire_step(k, parameters, charged[t], &spike, state);
            } else {
                UNROLL
                for (u32 s = 0; s < STATES; s++) state[s] = charged[t][s];
            }
        }
        UNROLL_STEPS
        for (u32 back = 0; back < STEPS; back++) {
            const u32 t = STEPS - 1 - back;
            const float above = FIRES ? distances[t] : 0.0f;
            const float spike = FIRES && (INCLUSIVE ? above >= 0.0f : above > 0.0f) ? 1.0f : 0.0f;
            float grad_output = gradient[t * neurons + n];
            float grad_potential = by_constant + by_potential * charged[t][0];
            if (by_error != 0.0f) {
                const float error = by_error * (charged[t][0] - spike);
                grad_potential += error;
                grad_output -= FIRES ? error : 0.0f;
            }
            float grad_charged[STATES], of_step[PARAMETERS + 1];
            for (u32 p = 0; p < PARAMETERS; p++) of_step[p] = 0.0f;
            if (FIRES) {
                float in[PARAMETERS + STATES + 1 + STATES], out[STATES + 1 + PARAMETERS];
                float slope, grad_spike, fire[STATES + PARAMETERS + 1];
                join(parameters, PARAMETERS, charged[t], STATES, in);
                in[PARAMETERS + STATES] = spike;
                UNROLL
                for (u32 s = 0; s < STATES; s++) in[PARAMETERS + STATES + 1 + s] = grad_state[s];
                reset_backward(k + K_RESET_BACKWARD, in, out);
                grad_spike = grad_output + by_spike + THROUGH_RESET * out[STATES];
                derivative(k + K_DERIVATIVE, &above, &slope);
                if (MASKED) {
                    const int masked = bernoulli(key0, key1, numerator, digits, t * neurons + n);
                    slope = masked ? 0.0f : slope * mask_scale;
                    if (LEARNS) {
                        float by_width;
                        parameter_derivative(k + K_PARAMETER_DERIVATIVE, &above, &by_width);
                        of_width += masked ? 0.0f : by_width * mask_scale * grad_spike;
                    }
                } else if (LEARNS) {
                    float by_width;
                    parameter_derivative(k + K_PARAMETER_DERIVATIVE, &above, &by_width);
                    of_width += by_width * grad_spike;
                }
                zero += slope == 0.0f ? 1.0 : 0.0;
                in[PARAMETERS + STATES] = grad_spike * slope;
                distance_backward(k + K_DISTANCE_BACKWARD, in, fire);
                UNROLL
                for (u32 s = 0; s < STATES; s++) grad_charged[s] = out[s] + fire[s];
                for (u32 p = 0; p < PARAMETERS; p++) of_step[p] = out[STATES + 1 + p] + fire[STATES + p];
            } else {
                UNROLL
                for (u32 s = 0; s < STATES; s++) grad_charged[s] = grad_state[s];
                grad_charged[0] += grad_output;
            }
            grad_charged[0] += grad_potential;
            float in[PARAMETERS + STATES + 1 + STATES], out[STATES + 1 + PARAMETERS];
            join(parameters, PARAMETERS, states[t], STATES, in);
            in[PARAMETERS + STATES] = inputs[t];
            UNROLL
            for (u32 s = 0; s < STATES; s++) in[PARAMETERS + STATES + 1 + s] = grad_charged[s];
            charge_backward(k + K_CHARGE_BACKWARD, in, out);
            UNROLL
            for (u32 s = 0; s < STATES; s++) grad_state[s] = out[s];
            for (u32 p = 0; p < PARAMETERS; p++) of_parameters[p] += of_step[p] + out[STATES + 1 + p];
            of_sum += out[STATES];
            if (step) {
                of_input[t * step + n] = out[STATES];
                if (row_sums) {
                    plain += out[STATES];
                    if (mean0) centered0 += (double)out[STATES] * (double)(x0[t * step0 + n] - mean0[channel]);
                    if (x1 && mean1) centered1 += (double)out[STATES] * (double)(x1[t * step1 + n] - mean1[channel]);
                }
            }
        }
        if (!step) {
            of_input[n] = of_sum;
            if (row_sums) {
                plain += of_sum;
                if (mean0) centered0 += (double)of_sum * (double)(x0[n] - mean0[channel]);
                if (x1 && mean1) centered1 += (double)of_sum * (double)(x1[n] - mean1[channel]);
            }
        }
        if (of_before) {
            UNROLL
            for (u32 s = 0; s < STATES; s++) of_before[s * neurons + n] = grad_state[s];
        }
    }
    const u64 kind = chunks * channels, own = chunk * channels + channel;
    if (zeros) zeros[own] += zero;
    if (sums) {
        for (u32 p = 0; p < PARAMETERS; p++) sums[p * kind + own] = of_parameters[p];
        if (LEARNS) sums[PARAMETERS * kind + own] = of_width;
    }
    if (row_sums) {
        row_sums[own] = plain;
        row_sums[kind + own] = centered0;
        row_sums[2 * kind + own] = centered1;
    }
}

/* The gradients of the learned scalars and of the surrogate's parameter, from the folded sums of
   `scan_backward`: [kinds, channels]. */
KERNEL scan_scalars(const double *sums, u32 channels, const float *learned, Constants constants, float *of_learned) {
    if (THREAD > 0) return;
    float in[2 * PARAMETERS + 1];
    for (u32 p = 0; p < PARAMETERS; p++) {
        double sum = 0;
        for (u32 channel = 0; channel < channels; channel++) sum += sums[p * channels + channel];
        in[p] = learned[p];
        in[PARAMETERS + p] = (float)sum;
    }
    if (PARAMETERS > 0) effective_backward(constants.values + K_EFFECTIVE_BACKWARD, in, of_learned);
    if (LEARNS) {
        double sum = 0;
        for (u32 channel = 0; channel < channels; channel++) sum += sums[PARAMETERS * channels + channel];
        of_learned[PARAMETERS] = (float)sum;
    }
}
