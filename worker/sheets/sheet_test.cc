#include "worker/sheets/sheet.h"

#include <array>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;

using Color = std::array<uint8_t, 3>;
constexpr Color kBlue = {10, 20, 250};

Image Plain(int width, int height, Color color = kBlue) {
  Image image{height, width, 3, {}};
  for (int i = 0; i < width * height; ++i)
    image.pixels.insert(image.pixels.end(), color.begin(), color.end());
  return image;
}

Color At(const Image& image, int x, int y) {
  const uint8_t* pixel = image.row(y) + 3 * x;
  return {pixel[0], pixel[1], pixel[2]};
}

Sheet TwoRows() {
  Sheet sheet;
  sheet.title = "rotation";
  sheet.sections.push_back({"rotation", "which turn", {}});
  sheet.sections[0].rows.push_back(
      {{Plain(28, 28), "one", Mark::kNone}, {Plain(60, 30), "two", Mark::kRight}});
  sheet.sections[0].rows.push_back({{Plain(28, 28), "three words here", Mark::kNone}});
  return sheet;
}

TEST(ShownSizeTest, SmallPicturesGrowAWholeNumberOfTimesAndLargeOnesShrink) {
  EXPECT_EQ(ShownSizeOf(28, 28).width, 168);
  EXPECT_EQ(ShownSizeOf(64, 32).width, 192);
  EXPECT_EQ(ShownSizeOf(64, 32).height, 96);
  EXPECT_EQ(ShownSizeOf(97, 97).width, 97);
  EXPECT_EQ(ShownSizeOf(224, 224).width, 224);
  EXPECT_EQ(ShownSizeOf(512, 256).width, 256);
  EXPECT_EQ(ShownSizeOf(512, 256).height, 128);
}

TEST(BreakCaptionTest, BreaksBetweenWordsAndWhereTold) {
  EXPECT_THAT(BreakCaption("", 100), ElementsAre());
  EXPECT_THAT(BreakCaption("short", 100), ElementsAre("short"));
  EXPECT_THAT(BreakCaption("one\ntwo", 500), ElementsAre("one", "two"));
  EXPECT_THAT(BreakCaption("animals/birds/blackbird.png b", 120),
              ElementsAre("animals/birds/", "blackbird.png b"));
  EXPECT_GT(BreakCaption("a_word_that_is_wider_than_the_picture", 60).size(), 2);
  EXPECT_GT(BreakCaption("many words that do not fit into one line of so few pixels", 120).size(), 2);
}

// The paths of pictures may be long.
TEST(SheetLayoutTest, ALongHeadingIsBrokenInsteadOfWideningTheSheet) {
  Sheet sheet = TwoRows();
  const SheetLayout before = LayOut(sheet);
  sheet.title =
      "4 of 60000 pictures of /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz, 28 x 28 pixels";
  const SheetLayout layout = LayOut(sheet);
  EXPECT_EQ(before.title.size(), 1);
  EXPECT_GT(layout.title.size(), 1);
  EXPECT_EQ(layout.width, before.width);
  EXPECT_EQ(layout.height - before.height, layout.sections[0].top - before.sections[0].top);
  EXPECT_GT(layout.height, before.height);
}

TEST(SheetLayoutTest, TilesStandInColumnsAndDoNotOverlap) {
  const SheetLayout layout = LayOut(TwoRows());
  const auto& rows = layout.sections[0].rows;
  ASSERT_EQ(rows.size(), 2);
  EXPECT_EQ(rows[0][0].left, rows[1][0].left);
  EXPECT_GT(rows[0][1].left, rows[0][0].left + rows[0][0].size.width);
  EXPECT_EQ(rows[0][0].top, rows[0][1].top);
  // Below the highest picture and the longest caption of the row before.
  EXPECT_GT(rows[1][0].top, rows[0][0].top + 168 + 19);
  EXPECT_GT(layout.height, rows[1][0].top + 168 + 19);
  EXPECT_GT(layout.width, rows[0][1].left + rows[0][1].size.width);
  EXPECT_THAT(rows[0][1].lines, ElementsAre("right", "two"));
}

TEST(SheetLayoutTest, SectionsFollowEachOther) {
  Sheet sheet = TwoRows();
  sheet.sections.push_back(sheet.sections[0]);
  const SheetLayout layout = LayOut(sheet);
  EXPECT_GT(layout.sections[1].top, layout.sections[0].rows[1][0].top + 168);
}

TEST(SheetTest, ShowsPicturesWhereTheyWereLaidOutAndFramesAnswers) {
  Sheet sheet = TwoRows();
  sheet.sections[0].rows[1].push_back({Plain(28, 28), "x", Mark::kWrong});
  const SheetLayout layout = LayOut(sheet);
  const Image drawn = Draw(sheet);
  EXPECT_EQ(drawn.width, layout.width);
  EXPECT_EQ(drawn.height, layout.height);
  for (const auto& row : layout.sections[0].rows) {
    for (const PlacedTile& tile : row) {
      EXPECT_EQ(At(drawn, tile.left, tile.top), kBlue);
      EXPECT_EQ(At(drawn, tile.left + tile.size.width - 1, tile.top + tile.size.height - 1), kBlue);
      EXPECT_EQ(At(drawn, tile.left - 6, tile.top), (Color{255, 255, 255}));
    }
  }
  const auto& rows = layout.sections[0].rows;
  const Color right = At(drawn, rows[0][1].left - 2, rows[0][1].top + 5);
  const Color wrong = At(drawn, rows[1][1].left - 2, rows[1][1].top + 5);
  EXPECT_GT(right[1], right[0] + 50);  // green
  EXPECT_GT(wrong[0], wrong[1] + 50);  // red
  EXPECT_EQ(At(drawn, rows[0][0].left - 2, rows[0][0].top + 5), (Color{255, 255, 255}));
}

TEST(SheetTest, ShowsGreyPictures) {
  Sheet sheet;
  sheet.sections.push_back({"t", "", {{{Image{2, 2, 1, {9, 9, 9, 9}}, "", Mark::kNone}}}});
  const PlacedTile tile = LayOut(sheet).sections[0].rows[0][0];
  EXPECT_EQ(tile.size.width, 192);
  EXPECT_EQ(At(Draw(sheet), tile.left + 100, tile.top + 100), (Color{9, 9, 9}));
}

TEST(SheetTest, IsAPngThatCanBeRead) {
  const Sheet sheet = TwoRows();
  ASSERT_OK_AND_ASSIGN(const std::string png, DrawAsPng(sheet));
  const cv::Mat read = cv::imdecode(std::vector<uint8_t>(png.begin(), png.end()), cv::IMREAD_COLOR);
  const SheetLayout layout = LayOut(sheet);
  ASSERT_EQ(read.cols, layout.width);
  ASSERT_EQ(read.rows, layout.height);
  const PlacedTile& tile = layout.sections[0].rows[0][0];
  EXPECT_EQ(read.at<cv::Vec3b>(tile.top + 3, tile.left + 3), (cv::Vec3b{250, 20, 10}));
}

TEST(SheetTest, RefusesWhatNoProgramOpens) {
  Sheet sheet = TwoRows();
  sheet.sections[0].rows.resize(400, sheet.sections[0].rows[0]);
  EXPECT_THAT(DrawAsPng(sheet),
              StatusIs(absl::StatusCode::kResourceExhausted, ::testing::HasSubstr("show fewer pictures")));
}

}  // namespace
}  // namespace pretext
