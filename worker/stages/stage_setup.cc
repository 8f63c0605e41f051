#include "worker/stages/stage_setup.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"

namespace pretext {

absl::StatusOr<StageFacts> FactsOf(const StageRun& run, const OpenedDataset& data,
                                   const InitialWeights& initial, const v1::BackboneSpec& backbone) {
  StageFacts facts;
  facts.data = data.facts;
  facts.channels = data.dataset->channels();
  facts.initial = initial.card;
  facts.world_size = run.job->process_group->world_size();
  PRETEXT_ASSIGN_OR_RETURN(facts.backbone, ChooseBackbone(initial, backbone, facts.channels));
  return facts;
}

BackboneOptions NetworkOf(const StageFacts& facts, const v1::BackboneSpec& backbone) {
  BackboneOptions network = facts.backbone;
  network.small_stem = backbone.stem() == v1::BackboneSpec::SMALL;
  if (backbone.bn_groups() >= facts.world_size) network.bn_groups = backbone.bn_groups() / facts.world_size;
  return network;
}

absl::StatusOr<InitialBackbone> MakeBackboneOf(const StageRun& run, const InitialWeights& initial,
                                               const BackboneOptions& network) {
  PRETEXT_ASSIGN_OR_RETURN(InitialBackbone made, MakeInitialBackbone(initial, network, run.job->spec.seed(),
                                                                     run.index, run.job->device));
  if (!run.restored.has_value()) {
    const std::string line = absl::StrCat("stage ", run.name(), ": ", made.summary);
    made.is_partial ? run.WarnOnce(line) : run.LogOnce(line);
  }
  return made;
}

}  // namespace pretext
