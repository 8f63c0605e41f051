#ifndef PRETEXT_WORKER_LOSSES_INFO_NCE_H_
#define PRETEXT_WORKER_LOSSES_INFO_NCE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace pretext {

struct InfoNceOutput {
  at::Tensor loss;                 // scalar
  at::Tensor logits;               // (N, K): q.queue_i / T, with gradient to the query
  at::Tensor accuracy;             // scalar: share of queries that are nearest to their own key
  at::Tensor positive_similarity;  // scalar: mean of q.k, in -1 .. 1
  at::Tensor negative_similarity;  // scalar: mean of q.queue_i
};

// InfoNCE (van den Oord et al. 2018; MoCo, He et al. 2020, eq. 1): tell each query's own key from the keys
// of other pictures.
//   query (N, D), key (N, D), queue (K, D), rows of unit length -> the loss, the mean over N of
//   -ln( e^(q.k/T) / (e^(q.k/T) + sum_i e^(q.queue_i/T)) ),
// and what people want to see beside it, without gradient. Computed in fp32, under autocast too. Gradient
// flows to query and key, never to the queue. With equal similarities it is ln(1 + K).
InfoNceOutput InfoNceWithMetrics(const at::Tensor& query, const at::Tensor& key, const at::Tensor& queue,
                                 double temperature);

// The logits above alone: which of the queue's keys each query is like (Wei et al. 2021, "CO2").
at::Tensor QueueLogits(const at::Tensor& query, const at::Tensor& queue, double temperature);

// The loss of a network that knows nothing: ln(1 + K).
double InfoNceChanceLoss(int64_t queue_length);

}  // namespace pretext

#endif  // PRETEXT_WORKER_LOSSES_INFO_NCE_H_
