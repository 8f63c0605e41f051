#include "worker/tasks/combined_view_builder.h"

#include <ATen/ops/equal.h>

#include "proto/cpp/status_matchers.h"
#include "worker/tasks/registry.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

// Writes the view number it was given.
class EchoBuilder : public ViewBuilder {
 public:
  const BatchLayout& layout() const override { return layout_; }
  void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const override {
    slot.field<int64_t>(0)[0] = key.view;
  }

 private:
  BatchLayout layout_ = {{"view", ElementType::kInt64, {1}}};
};

std::unique_ptr<CombinedViewBuilder> CombineThree(ToyStage& stage) {
  std::vector<CombinedViewBuilder::Part> parts;
  for (const char* name : {"moco", "rotation", "colorization"}) {
    stage.context.spec = SpecOf(name, 16);
    parts.push_back({name, *(*FindTask(stage.context.spec))->make_view_builder(stage.context)});
  }
  return std::make_unique<CombinedViewBuilder>(std::move(parts));
}

TEST(CombinedViewBuilderTest, PutsTheTasksFieldsOneAfterTheOther) {
  ToyStage stage(SpecOf("moco", 16));
  const auto combined = CombineThree(stage);
  std::vector<std::string> names;
  for (const Field& field : combined->layout()) names.push_back(field.name);
  EXPECT_THAT(names,
              ::testing::ElementsAre("moco.query", "moco.key", "rotation.view", "colorization.lightness",
                                     "colorization.bins", "colorization.weights", "colorization.colorful"));
  ASSERT_EQ(combined->shares().size(), 3);
  EXPECT_EQ(combined->shares()[2].first_field, 3);
  EXPECT_EQ(combined->shares()[2].field_count, 4);
}

TEST(CombinedViewBuilderTest, GivesEachTaskAThousandViewsOfItsOwn) {
  std::vector<CombinedViewBuilder::Part> parts;
  for (const char* name : {"one", "two", "three"}) parts.push_back({name, std::make_unique<EchoBuilder>()});
  const CombinedViewBuilder combined(std::move(parts));
  const ToyDataset dataset(1, 8);
  const Batch batch = BuildBatch(combined, dataset, 0, 1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(batch.fields[i].item<int64_t>(), 1000 * i);
}

TEST(CombinedViewBuilderTest, TheFirstTaskDrawsAsIfItWereAlone) {
  ToyStage stage(SpecOf("moco", 16));
  const auto combined = CombineThree(stage);
  stage.context.spec = SpecOf("moco", 16);
  const auto alone = *Tasks()[0].make_view_builder(stage.context);
  const Batch all = BuildBatch(*combined, stage.dataset, 0, 4);
  const Batch moco = BuildBatch(*alone, stage.dataset, 0, 4);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(at::equal(all.fields[i], moco.fields[i]));
  EXPECT_FALSE(at::equal(all.fields[0], all.fields[2]));
}

}  // namespace
}  // namespace pretext
