#include "worker/tasks/copies_view_builder.h"

#include <ATen/ops/equal.h>

#include "proto/cpp/status_matchers.h"
#include "worker/tasks/registry.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

v1::AugmentSpec Jitter(double probability) {
  v1::AugmentSpec augment;
  augment.set_crop_scale_min(1);
  augment.set_crop_scale_max(1);
  augment.set_jitter_probability(probability);
  augment.set_brightness(0.4);
  augment.set_hue(0.1);
  augment.set_blur_sigma_min(0.1);
  augment.set_blur_sigma_max(2);
  return augment;
}

class CopiesViewBuilderTest : public ::testing::Test {
 protected:
  CopiesViewBuilderTest() {
    std::vector<CombinedViewBuilder::Part> parts;
    for (const char* name : {"rotation", "jigsaw", "moco"}) {
      const ToyStage stage(SpecOf(name, 32), 32);
      parts.push_back({name, *(*FindTask(stage.context.spec))->make_view_builder(stage.context)});
    }
    tasks_ = std::make_shared<CombinedViewBuilder>(std::move(parts));
  }

  Batch Build(const ViewBuilder& builder) const { return BuildBatch(builder, dataset_, 0, 6); }
  CopiesViewBuilder Copies(int copies, double jitter, std::vector<int> tasks) const {
    return CopiesViewBuilder(tasks_, {Jitter(jitter), 32, copies, std::move(tasks)});
  }

  ToyDataset dataset_{64, 32};
  std::shared_ptr<CombinedViewBuilder> tasks_;
};

TEST_F(CopiesViewBuilderTest, PutsCopiesBehindTheTasksFieldsWhichStayAsTheyAre) {
  const CopiesViewBuilder builder = Copies(2, 1, {1, 2});
  std::vector<std::string> names;
  for (const Field& field : builder.layout()) names.push_back(field.name);
  EXPECT_THAT(names, ::testing::ElementsAre("rotation.view", "jigsaw.tiles", "jigsaw.order",
                                            "jigsaw.occluded", "moco.query", "moco.key", "copy1.jigsaw.tiles",
                                            "copy1.jigsaw.order", "copy1.jigsaw.occluded", "copy1.moco.query",
                                            "copy1.moco.key", "copy2.jigsaw.tiles", "copy2.jigsaw.order",
                                            "copy2.jigsaw.occluded", "copy2.moco.query", "copy2.moco.key"));
  EXPECT_TRUE(builder.SharesOf(0).empty());
  ASSERT_EQ(builder.SharesOf(2).size(), 2);
  EXPECT_EQ(builder.SharesOf(2)[1].first_field, 14);
  EXPECT_EQ(builder.SharesOf(2)[1].field_count, 2);
  const Batch plain = Build(*tasks_), copied = Build(builder);
  for (size_t i = 0; i < plain.fields.size(); ++i)
    EXPECT_TRUE(at::equal(plain.fields[i], copied.fields[i])) << i;
}

TEST_F(CopiesViewBuilderTest, MakesTheSamePuzzleOfAPictureInOtherColours) {
  const CopiesViewBuilder builder = Copies(2, 1, {1});
  const Batch batch = Build(builder);
  EXPECT_TRUE(at::equal(batch.fields[2], batch.fields[7]));  // the orders
  EXPECT_TRUE(at::equal(batch.fields[2], batch.fields[10]));
  EXPECT_FALSE(at::equal(batch.fields[1], batch.fields[6]));  // the tiles
  EXPECT_FALSE(at::equal(batch.fields[6], batch.fields[9]));
}

TEST_F(CopiesViewBuilderTest, CopiesWithoutChangesAreTheSame) {
  const CopiesViewBuilder builder = Copies(1, 0, {0, 1, 2});
  const Batch batch = Build(builder);
  for (size_t i = 0; i < 6; ++i) EXPECT_TRUE(at::equal(batch.fields[i], batch.fields[6 + i])) << i;
}

TEST_F(CopiesViewBuilderTest, DrawsColoursAnewInEachEpochAndTheSameForEqualKeys) {
  const CopiesViewBuilder builder = Copies(1, 1, {0});
  EXPECT_TRUE(at::equal(Build(builder).fields[6], Build(builder).fields[6]));
  const Batch next = BuildBatch(builder, dataset_, 0, 6, /*step=*/0, /*epoch=*/1);
  EXPECT_FALSE(at::equal(next.fields[6], Build(builder).fields[6]));
}

}  // namespace
}  // namespace pretext
