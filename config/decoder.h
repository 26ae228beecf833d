// Decodes a tree into a bound object by the declarations: unknown keys are refused with a
// suggestion, every value is checked, and the origin of each is kept. Several layers may be decoded
// into one object: what a later layer writes wins, what it does not name stays (DESIGN 4: maps
// merge, lists replace).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/declaration.h"
#include "config/loader.h"
#include "config/reporter.h"
#include "config/source.h"

namespace outrigger::config {

// Where the value at a path was written. `reference` as in ValueOrigin.
struct Written {
  Place place;
  std::size_t width = 1;
  std::string reference;
};
using Places = std::map<std::string, Written, std::less<>>;

class Decoder {
 public:
  // `places` may be null: nothing is kept.
  Decoder(Reporter& reporter, const Environment& environment, Places* places)
      : reporter_(reporter), environment_(environment), places_(places) {}

  void block(const Block& declared, const Node& node, void* object);

  // Enters a key for the time that the scope lives; paths are joined by dots, list items are "[0]".
  class Scope {
   public:
    Scope(Decoder& decoder, std::string_view key);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Decoder& decoder_;
    std::size_t before_;
  };
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  void error(Code code, const Node& node, std::string message, std::string hint = {}) {
    reporter_.error(code, node, std::move(message), std::move(hint));
  }
  Reporter& reporter() noexcept { return reporter_; }
  [[nodiscard]] const Environment& environment() const noexcept { return environment_; }

  // The text of a plain value; nothing after a report that it has the wrong shape.
  std::optional<std::string_view> scalar(const Field& field, const Node& node);
  // The text itself, or what the file holds that it names with `file:`, without its last line
  // break; nothing after a report that `what` cannot be read.
  std::optional<std::string> text_or_file(const Node& node, Code code, std::string_view what);
  // A secret's bytes, from the text itself or a `file:` (DESIGN 4).
  std::optional<std::string> secret(const Node& node);
  // Keeps where the value at path() was written.
  void remember(const Node& node, std::string reference = {});
  // What was written below path() is no longer in force: `node` took it away.
  void reset_below(const Node& node);
  // The places in the items of the list at `path`, by index and the path within the item; they are
  // forgotten until put_item brings them back.
  using Items = std::vector<std::pair<std::size_t, std::pair<std::string, Written>>>;
  Items take_items(std::string_view path);
  void put_item(std::string_view path, std::size_t index, const Items::value_type& item);

 private:
  void unknown_key(const Block& declared, const Member& member);

  Reporter& reporter_;
  const Environment& environment_;
  Places* places_;
  std::string path_;
};

// An error of the decoder; false, so that a codec can return it.
inline bool refuse(Decoder& decoder, Code code, const Node& node, std::string message,
                   std::string hint = {}) {
  decoder.error(code, node, std::move(message), std::move(hint));
  return false;
}

// "a duration", "one of auto, http1, http2": what a field's value must be, for messages.
std::string describe(const Type& type);

}  // namespace outrigger::config
