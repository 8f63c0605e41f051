#ifndef PRETEXT_CLIENT_RENDER_JSON_TO_YAML_H_
#define PRETEXT_CLIENT_RENDER_JSON_TO_YAML_H_

#include <string>

#include "nlohmann/json.hpp"

namespace pretext {

// `json` as block-style YAML of the same meaning; ends in a line end. Pure.
std::string JsonToYaml(const nlohmann::ordered_json& json);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_RENDER_JSON_TO_YAML_H_
