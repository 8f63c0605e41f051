#include "worker/train/dataset_cache.h"

#include <fstream>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

// Two grey pictures of one pixel, of which the second is labelled 1.
v1::DataSpec WriteData(const std::string& name) {
  const std::string images = absl::StrCat(::testing::TempDir(), "/", name, "-images");
  const std::string labels = absl::StrCat(::testing::TempDir(), "/", name, "-labels");
  std::ofstream(images, std::ios::binary)
      << std::string({0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 10, 20});
  std::ofstream(labels, std::ios::binary) << std::string({0, 0, 8, 1, 0, 0, 0, 2, 0, 1});
  v1::DataSpec spec;
  spec.set_images(images);
  spec.set_labels(labels);
  return spec;
}

TEST(DatasetCacheTest, OpensEachSetOnce) {
  DatasetCache cache;
  const v1::DataSpec spec = WriteData("once");
  ASSERT_OK_AND_ASSIGN(const auto first, cache.Open(spec));
  std::ofstream(spec.images()) << "gone";
  ASSERT_OK_AND_ASSIGN(const auto second, cache.Open(spec));
  EXPECT_EQ(first, second);
}

TEST(DatasetCacheTest, SharesPicturesThatAreLabelledOtherwise) {
  DatasetCache cache;
  v1::DataSpec spec = WriteData("shared");
  ASSERT_OK_AND_ASSIGN(const auto labelled, cache.Open(spec));
  std::ofstream(spec.images()) << "gone";
  spec.clear_labels();
  spec.set_channels(1);  // as they are
  ASSERT_OK_AND_ASSIGN(const auto unlabelled, cache.Open(spec));
  EXPECT_EQ(labelled->facts.labelled, 2);
  EXPECT_EQ(unlabelled->facts.labelled, 0);
  EXPECT_EQ(unlabelled->dataset->Load(1)->pixels[0], 20);
  spec.set_channels(3);  // others: read anew, and they are gone
  EXPECT_FALSE(cache.Open(spec).ok());
}

TEST(DatasetCacheTest, ForgetsWhatNoStageNeedsAnyMore) {
  DatasetCache cache;
  const v1::DataSpec kept = WriteData("kept"), dropped = WriteData("dropped");
  ASSERT_OK(cache.Open(dropped).status());
  v1::DataSpec with_channels = kept;
  with_channels.set_channels(1);
  ASSERT_OK_AND_ASSIGN(const auto first, cache.Open(with_channels));
  cache.ForgetAllBut({kept});
  ASSERT_OK_AND_ASSIGN(const auto second, cache.Open(with_channels));
  EXPECT_EQ(first, second);
  std::ofstream(dropped.images()) << "gone";
  EXPECT_FALSE(cache.Open(dropped).ok());
}

}  // namespace
}  // namespace pretext
