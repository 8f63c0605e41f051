#include "client/session/local_paths.h"

#include <filesystem>
#include <functional>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/cpp/nearest_name.h"

namespace pretext {
namespace {

constexpr char kLabelsFromFolders[] = "folders";
constexpr int kMostNeighbours = 10000;

// `visit` gets each data set of the job with its path in the specification.
void VisitData(v1::JobSpec* spec, const std::function<void(const std::string&, v1::DataSpec*)>& visit) {
  if (spec->has_data()) visit("data", spec->mutable_data());
  for (int i = 0; i < spec->stages_size(); ++i) {
    v1::Stage* stage = spec->mutable_stages(i);
    const std::string path = absl::StrCat("stages[", i, "].");
    if (stage->has_pretrain() && stage->pretrain().has_data())
      visit(path + "pretrain.data", stage->mutable_pretrain()->mutable_data());
    if (stage->pretrain().probe().has_data())
      visit(path + "pretrain.probe.data", stage->mutable_pretrain()->mutable_probe()->mutable_data());
    if (stage->has_finetune()) {
      if (stage->finetune().has_data())
        visit(path + "finetune.data", stage->mutable_finetune()->mutable_data());
      if (stage->finetune().has_test())
        visit(path + "finetune.test", stage->mutable_finetune()->mutable_test());
      if (stage->finetune().unlabelled().has_data()) {
        visit(path + "finetune.unlabelled.data",
              stage->mutable_finetune()->mutable_unlabelled()->mutable_data());
      }
    }
    if (stage->has_evaluate()) {
      if (stage->evaluate().has_data())
        visit(path + "evaluate.data", stage->mutable_evaluate()->mutable_data());
      if (stage->evaluate().has_test())
        visit(path + "evaluate.test", stage->mutable_evaluate()->mutable_test());
    }
  }
}

// `visit` gets each file that a stage starts from.
void VisitInitFiles(v1::JobSpec* spec, const std::function<void(const std::string&, std::string*)>& visit) {
  for (int i = 0; i < spec->stages_size(); ++i) {
    v1::Stage* stage = spec->mutable_stages(i);
    const std::string path = absl::StrCat("stages[", i, "].");
    if (stage->pretrain().init().has_file())
      visit(path + "pretrain.init.file", stage->mutable_pretrain()->mutable_init()->mutable_file());
    if (stage->finetune().init().has_file())
      visit(path + "finetune.init.file", stage->mutable_finetune()->mutable_init()->mutable_file());
    if (stage->evaluate().init().has_file())
      visit(path + "evaluate.init.file", stage->mutable_evaluate()->mutable_init()->mutable_file());
  }
}

bool IsPath(const std::string& labels) { return !labels.empty() && labels != kLabelsFromFolders; }

std::string LabelsPath(const std::string& labels, const std::string& images, const CommandContext& context) {
  const std::string here = AbsolutePath(labels, context);
  const std::string beside = absl::StrCat(images, "/", labels);
  return labels[0] != '/' && !PathExists(here) && PathExists(beside) ? beside : here;
}

// "; did you mean /data/xray?" from what stands where the missing one should.
std::string NearestPath(const std::string& missing) {
  const std::filesystem::path path(missing);
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator entry(path.parent_path(), error), end; !error && entry != end;
       entry.increment(error)) {
    if (names.size() >= kMostNeighbours) break;
    names.push_back(entry->path().filename().string());
  }
  const std::string nearest = NearestName(path.filename().string(), names);
  if (nearest.empty()) return "";
  return absl::StrCat("; did you mean ", (path.parent_path() / nearest).string(), "?");
}

}  // namespace

bool PathExists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

bool IsFolder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

bool HoldsFiles(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error) && !std::filesystem::is_empty(path, error) && !error;
}

std::string AbsolutePath(absl::string_view path, const CommandContext& context) {
  if (path.empty()) return "";
  std::filesystem::path whole;
  if (!context.home_directory.empty() && (path == "~" || absl::StartsWith(path, "~/"))) {
    whole = absl::StrCat(context.home_directory, path.substr(1));
  } else {
    whole = std::filesystem::path(context.working_directory) / std::string(path);
  }
  std::string text = whole.lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

void MakePathsAbsolute(const CommandContext& context, v1::JobSpec* spec) {
  VisitData(spec, [&](const std::string&, v1::DataSpec* data) {
    data->set_images(AbsolutePath(data->images(), context));
    if (IsPath(data->labels())) data->set_labels(LabelsPath(data->labels(), data->images(), context));
  });
  VisitInitFiles(spec, [&](const std::string&, std::string* file) { *file = AbsolutePath(*file, context); });
  spec->set_output(AbsolutePath(spec->output(), context));
}

void FindMissingPaths(const v1::JobSpec& spec, FieldViolations* violations) {
  v1::JobSpec copy = spec;
  const auto check = [&](const std::string& field, const std::string& path) {
    if (path.empty() || PathExists(path)) return;
    violations->Add(field, absl::StrCat("there is no file or folder ", path, NearestPath(path)));
  };
  VisitData(&copy, [&](const std::string& field, v1::DataSpec* data) {
    check(field + ".images", data->images());
    if (IsPath(data->labels())) check(field + ".labels", data->labels());
  });
  VisitInitFiles(&copy, [&](const std::string& field, std::string* file) { check(field, *file); });
}

}  // namespace pretext
