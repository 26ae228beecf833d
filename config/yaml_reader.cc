#include "config/yaml_reader.h"

#include <algorithm>
#include <exception>
#include <sstream>
#include <unordered_map>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "config/text_checks.h"

namespace outrigger::config {
namespace {

// Turns yaml-cpp's marks into places: it counts from 0, and columns in bytes. Marks come nearly in
// order, so characters are counted from the last one on, and a long line costs no more than its
// length.
class PlaceFinder {
 public:
  explicit PlaceFinder(const Source& source) : source_(source) {}

  Place find(const YAML::Mark& mark) {
    // The end of the text may be one line too far.
    const auto line =
        std::min(static_cast<std::size_t>(std::max(0, mark.line)) + 1, source_.lines());
    const std::string_view text = source_.line(line);
    const auto bytes = std::min(static_cast<std::size_t>(std::max(0, mark.column)), text.size());
    if (line != line_ || bytes < bytes_) line_ = line, bytes_ = 0, characters_ = 0;
    characters_ += characters(text.substr(bytes_, bytes - bytes_));
    bytes_ = bytes;
    return {&source_, static_cast<std::uint32_t>(line),
            static_cast<std::uint32_t>(characters_ + 1)};
  }

  // The source from the mark on.
  [[nodiscard]] std::string_view text_from(const YAML::Mark& mark) const {
    const std::string_view line =
        source_.line(static_cast<std::size_t>(std::max(0, mark.line)) + 1);
    if (line.data() == nullptr) return {};
    const auto start = static_cast<std::size_t>(line.data() - source_.text().data());
    const auto bytes = std::min(static_cast<std::size_t>(std::max(0, mark.column)), line.size());
    return source_.text().substr(start + bytes);
  }

 private:
  const Source& source_;
  std::size_t line_ = 0, bytes_ = 0, characters_ = 0;  // the last mark
};

// Builds the tree from yaml-cpp's events. The stack holds what is open; the root is below all.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const Source& source, Reporter& reporter) : reporter_(reporter), places_(source) {}

  std::optional<Node> take() { return std::move(root_); }
  // False once a bound is exceeded: what follows is not looked at.
  [[nodiscard]] bool healthy() const noexcept { return !exceeded_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override;
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override;
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    bool has_key = false;  // in a map: the next value belongs to `key`
    std::string key;
    Place key_place;
    std::unordered_map<std::string, std::uint32_t> lines;  // of the keys so far
  };

  Place place(const YAML::Mark& mark) { return places_.find(mark); }
  void refuse_extras(const Place& at, const std::string& tag, YAML::anchor_t anchor);
  bool expects_key() const noexcept {
    return !open_.empty() && open_.back().node.is_map() && !open_.back().has_key;
  }
  void open(Node node, const Place& at);
  void close();
  void value(Node node);
  void key(const Node& node);
  bool count(const Place& at);

  Reporter& reporter_;
  PlaceFinder places_;
  std::vector<Open> open_;
  std::optional<Node> root_;
  std::size_t values_ = 0;
  bool exceeded_ = false;
};

void TreeBuilder::refuse_extras(const Place& at, const std::string& tag, YAML::anchor_t anchor) {
  if (anchor != YAML::NullAnchor) {
    reporter_.error(Code::kNotUsed, at, "anchors are not used here",
                    {"share values with `defaults` or a profile"});
  }
  if (!tag.empty() && tag != "?" && tag != "!") {
    reporter_.error(Code::kNotUsed, at, "tags are not used here", {"write the value alone"});
  }
}

bool TreeBuilder::count(const Place& at) {
  if (exceeded_) return false;
  if (++values_ > kMaxValues || open_.size() > kMaxDepth) {
    exceeded_ = true;
    reporter_.error(Code::kBounds, at,
                    values_ > kMaxValues ? fmt::format("more than {} values", kMaxValues)
                                         : fmt::format("nested deeper than {} levels", kMaxDepth));
    return false;
  }
  return true;
}

void TreeBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
  Node node;
  node.place = place(mark);
  if (!count(node.place)) return;
  refuse_extras(node.place, "", anchor);
  value(std::move(node));
}

void TreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t) {
  Node node;
  node.place = place(mark);
  if (!count(node.place)) return;
  reporter_.error(Code::kNotUsed, node.place, "aliases are not used here",
                  {"share values with `defaults` or a profile"});
  value(std::move(node));
}

void TreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           const std::string& text) {
  Node node = Node::scalar(text, tag == "!");
  node.place = place(mark);
  if (!count(node.place)) return;
  refuse_extras(node.place, tag, anchor);
  if (!expects_key()) check_scalar(node, places_.text_from(mark), reporter_);
  value(std::move(node));
}

void TreeBuilder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                                  YAML::anchor_t anchor, YAML::EmitterStyle::value) {
  const Place at = place(mark);
  if (!exceeded_) refuse_extras(at, tag, anchor);
  open(Node::list(), at);
}

void TreeBuilder::OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                             YAML::EmitterStyle::value) {
  const Place at = place(mark);
  if (!exceeded_) refuse_extras(at, tag, anchor);
  open(Node::map(), at);
}

void TreeBuilder::open(Node node, const Place& at) {
  if (!count(at)) return;
  if (expects_key()) {
    reporter_.error(Code::kNotUsed, at, "a block or list cannot be a key");
  }
  node.place = at;
  open_.push_back({std::move(node), false, {}, {}, {}});
}

void TreeBuilder::close() {
  if (exceeded_ || open_.empty()) return;
  Node node = std::move(open_.back().node);
  open_.pop_back();
  value(std::move(node));
}

void TreeBuilder::value(Node node) {
  if (open_.empty()) {
    root_ = std::move(node);
    return;
  }
  Open& parent = open_.back();
  if (parent.node.is_list()) {
    parent.node.members.push_back({{}, {}, std::move(node)});
  } else if (!parent.has_key) {
    key(node);
  } else {
    parent.has_key = false;
    parent.node.members.push_back({std::move(parent.key), parent.key_place, std::move(node)});
  }
}

void TreeBuilder::key(const Node& node) {
  Open& parent = open_.back();
  parent.has_key = true;
  parent.key = node.text;
  parent.key_place = node.place;
  if (!node.is_scalar()) return;  // reported by open() or as a null below
  if (!node.quoted && node.text == "<<") {
    reporter_.error(Code::kNotUsed, node, "merge keys (`<<`) are not used here",
                    "share values with `defaults` or a profile that upstreams `use`");
    return;
  }
  check_key(node, reporter_);
  const auto [first, added] = parent.lines.emplace(node.text, node.place.line);
  if (!added) {
    reporter_.error(Code::kDuplicateKey, node, fmt::format("{} is written twice", node.quote()),
                    fmt::format("first at line {}", first->second));
  }
}

}  // namespace

std::optional<Node> read_yaml(const Source& source, Reporter& reporter) {
  if (!check_text(source, reporter)) return std::nullopt;
  TreeBuilder builder(source, reporter);
  try {
    std::istringstream stream{std::string(source.text())};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      reporter.error(Code::kVersion, {&source, 1, 1}, "the file is empty",
                     {"start with `version: 1`"});
      return std::nullopt;
    }
    std::optional<Node> root = builder.take();
    TreeBuilder rest(source, reporter);
    if (builder.healthy() && parser.HandleNextDocument(rest)) {
      const std::optional<Node> second = rest.take();
      reporter.error(Code::kNotUsed, second ? second->place : Place{&source, 1, 1},
                     "a second document in one file", {"keep one document; remove `---`"});
    }
    return builder.healthy() ? std::move(root) : std::nullopt;
  } catch (const YAML::Exception& problem) {
    if (builder.healthy())
      report_syntax(PlaceFinder(source).find(problem.mark), problem.msg, reporter);
  } catch (const std::exception& problem) {
    reporter.error(Code::kSyntax, {&source, 1, 1},
                   fmt::format("cannot be read: {}", problem.what()));
  }
  return std::nullopt;
}

}  // namespace outrigger::config
