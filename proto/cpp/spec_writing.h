#ifndef PRETEXT_PROTO_CPP_SPEC_WRITING_H_
#define PRETEXT_PROTO_CPP_SPEC_WRITING_H_

#include <map>
#include <string>
#include <vector>

#include "pretext/v1/job.pb.h"

namespace pretext {

// Where each value of a spec came from, by field path: "given", "default", "from the data: 28 x 28 pictures".
using Origins = std::map<std::string, std::string>;

// "given" for every value of `resolved` that `given` has too, "default" for the others.
Origins FindOrigins(const v1::JobSpec& given, const v1::JobSpec& resolved);

// The same when only the resolved spec is at hand: "default" for every value that ApplyDefaults would fill in
// again if it were left out, "given" for the others.
Origins RecallOrigins(const v1::JobSpec& resolved);

// Every path of `after` whose value `before` lacks or has otherwise, for a worker that resolves what depends
// on the data: it adds these to the origins.
std::vector<std::string> FindChanges(const v1::JobSpec& before, const v1::JobSpec& after);

// The spec as YAML that ParseSpec reads back to an equal message, each value with a comment that tells where
// it came from. Fields stand in the order of the contract, map keys sorted: equal specs give equal texts.
std::string SpecToYaml(const v1::JobSpec& spec, const Origins& origins = {});

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_SPEC_WRITING_H_
