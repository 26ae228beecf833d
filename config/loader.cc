#include "config/loader.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "config/checks.h"
#include "config/codecs.h"
#include "config/expand.h"
#include "config/layers.h"
#include "config/mask.h"
#include "config/profiles.h"
#include "config/show.h"
#include "config/suggest.h"
#include "config/yaml_reader.h"

namespace outrigger::config {
namespace {

constexpr std::string_view kBuiltInName = "<built-in>";

// One load of one file.
class Loading {
 public:
  Loading(std::string_view text, const std::string& name, const Environment& environment)
      : source_(name, std::string(text)), environment_(environment) {}

  Loaded run();
  Loaded fail(Code code, std::string message, std::string hint);

 private:
  bool check_root(const Node& root);
  void check_version(const Node& root);
  void check_profiles(Layers& layers);
  void decode_upstreams(const Node& root, Layers& layers);
  void decode_upstream(const Member& written, Layers& layers);
  void add_built_in_upstreams(Layers& layers);
  // Decodes the layers below the upstream's own; what is wrong in them is reported elsewhere.
  void decode_lower_layers(Upstream& upstream, const Node* use, Layers& layers);
  void warn_of_undone(const Member& upstream, const Node& use, Layers& layers);
  void refuse_two_addresses(const std::string& path, const Node& node);
  void report_no_address(const Upstream& upstream, const Member& written, const Layers& layers);
  void name_routes(Upstream& upstream);
  Loaded finish();

  Source source_;
  const Environment& environment_;
  Reporter reporter_;
  Reporter silent_;
  Places places_;
  std::shared_ptr<Config> config_ = std::make_shared<Config>();
};

Loaded Loading::run() {
  std::optional<Node> root = read_yaml(source_, reporter_);
  if (!root || !check_root(*root)) return finish();
  check_version(*root);
  expand_variables(*root, environment_, reporter_);
  Decoder decoder(reporter_, environment_, &places_);
  decoder.block(root_block(), *root, config_.get());
  Layers layers(*root, reporter_);
  check_profiles(layers);
  decode_upstreams(*root, layers);
  for (const Member& profile : layers.own_profiles()) {
    if (layers.was_used(profile.key)) continue;
    reporter_.warning(Code::kSuspicious, profile.key_place,
                      fmt::format("nothing uses profile \"{}\"", profile.key),
                      {"", profile.key.size()});
  }
  // Where values are missing because they were wrong, what depends on them being there is not
  // checked.
  const Decoded decoded = reporter_.errors() == 0 ? Decoded::kWhole : Decoded::kInPart;
  check_server(*config_, decoded, places_, reporter_);
  check_upstreams(*config_, decoded, places_, reporter_);
  return finish();  // while `layers` lives: places point into its sources
}

Loaded Loading::fail(Code code, std::string message, std::string hint) {
  reporter_.error(code, Place{&source_, 0, 0}, std::move(message), {std::move(hint)});
  return finish();
}

bool Loading::check_root(const Node& root) {
  if (root.is_map()) return true;
  if (root.kind == Node::Kind::kNull) {
    reporter_.error(Code::kVersion, Place{&source_, 1, 1}, "the file is empty",
                    {"start with `version: 1`"});
  } else {
    reporter_.error(Code::kWrongShape, root,
                    fmt::format("the file must be a block of keys, not {}", root.quote()),
                    "start with `version: 1`");
  }
  return false;
}

void Loading::check_version(const Node& root) {
  const Member* version = root.find("version");
  if (version == nullptr) {
    reporter_.error(Code::kVersion, root.place, "`version` is missing",
                    {"write `version: 1` as the first line"});
    return;
  }
  const Node& value = version->value;
  if (value.kind == Node::Kind::kNull || (value.is_scalar() && value.text == "1" && !value.quoted))
    return;
  reporter_.error(Code::kVersion, value,
                  fmt::format("this program reads version 1, not {}", value.quote()),
                  "write `version: 1`");
}

// Each on its own, so that a mistake is found also where nothing uses the profile yet.
void Loading::check_profiles(Layers& layers) {
  Decoder decoder(reporter_, environment_, nullptr);
  if (layers.defaults() != nullptr) {
    Upstream scratch;
    const Decoder::Scope scope(decoder, "defaults");
    decoder.block(defaults_block(), *layers.defaults(), &scratch);
  }
  const Decoder::Scope scope(decoder, "profiles");
  for (const Member& profile : layers.own_profiles()) {
    if (find_built_in_profile(profile.key) != nullptr) {
      reporter_.error(Code::kName, profile.key_place,
                      fmt::format("\"{}\" is the name of a built-in profile", profile.key),
                      {fmt::format("choose another name and write `use: {}` in it", profile.key),
                       characters(profile.key)});
      continue;
    }
    Upstream scratch;
    const Decoder::Scope named(decoder, profile.key);
    decoder.block(profile_block(), profile.value, &scratch);
    refuse_two_addresses(decoder.path(), profile.value);
    if (const Member* use = profile.value.find("use"))
      static_cast<void>(layers.profiles_of(use->value));
  }
}

void Loading::decode_upstreams(const Node& root, Layers& layers) {
  const Member* upstreams = root.find("upstreams");
  if (upstreams == nullptr) return add_built_in_upstreams(layers);
  const Node& node = upstreams->value;
  places_["upstreams"] = {upstreams->key_place, characters(upstreams->key), {}};
  if (node.kind == Node::Kind::kNull) return;  // reported with the top level
  if (!node.is_map()) {
    reporter_.error(Code::kWrongShape, node,
                    fmt::format("upstreams must be a block of names, not {}", node.quote()),
                    "write each as \"name: {url: ...}\"");
    return;
  }
  for (const Member& member : node.members) {
    decode_upstream(member, layers);
  }
}

void Loading::decode_upstream(const Member& written, Layers& layers) {
  if (!is_usable_name(written.key)) {
    const Node key = Node::scalar(written.key);
    reporter_.error(Code::kName, written.key_place,
                    fmt::format("{} is not a usable name", key.quote()),
                    {"lower-case letters, digits, -, _ and ., at most 64",
                     std::max<std::size_t>(1, characters(written.key))});
    return;
  }
  Upstream upstream;
  upstream.name = written.key;
  upstream.path_prefix = "/" + written.key;
  upstream.position = written.key_place.position();
  const Member* use = written.value.find("use");
  decode_lower_layers(upstream, use == nullptr ? nullptr : &use->value, layers);
  if (use != nullptr) warn_of_undone(written, use->value, layers);
  Decoder decoder(reporter_, environment_, &places_);
  const Decoder::Scope all(decoder, "upstreams");
  const Decoder::Scope named(decoder, written.key);
  decoder.block(upstream_block(), written.value, &upstream);
  places_[decoder.path()] = {written.key_place, characters(written.key), {}};
  refuse_two_addresses(decoder.path(), written.value);
  report_no_address(upstream, written, layers);
  // All that a profile of the file says is merged by now; what is left of it is what it builds on.
  upstream.profile = layers.built_in_under(std::move(upstream.profile));
  name_routes(upstream);
  config_->upstreams.push_back(std::move(upstream));
}

void Loading::add_built_in_upstreams(Layers& layers) {
  for (const BuiltInProfile& profile : built_in_profiles()) {
    Upstream upstream;
    upstream.name = profile.name;
    upstream.path_prefix = fmt::format("/{}", profile.name);
    const Node use = Node::scalar(std::string(profile.name));
    decode_lower_layers(upstream, &use, layers);
    upstream.profile = profile.name;
    if (!upstream.endpoints.empty()) config_->upstreams.push_back(std::move(upstream));
  }
}

void Loading::decode_lower_layers(Upstream& upstream, const Node* use, Layers& layers) {
  Decoder decoder(silent_, environment_, &places_);
  const Decoder::Scope all(decoder, "upstreams");
  const Decoder::Scope named(decoder, upstream.name);
  if (layers.defaults() != nullptr) decoder.block(defaults_block(), *layers.defaults(), &upstream);
  if (use == nullptr) return;
  for (const Node* profile : layers.profiles_of(*use))
    decoder.block(profile_block(), *profile, &upstream);
}

// What `defaults` turns off, a profile that says anything of it turns on again: it is the later
// layer.
void Loading::warn_of_undone(const Member& upstream, const Node& use, Layers& layers) {
  if (layers.defaults() == nullptr || !layers.defaults()->is_map()) return;
  for (const Member& off : layers.defaults()->members) {
    if (off.value.text != "none" || upstream.value.find(off.key) != nullptr) continue;
    const bool undone = std::ranges::any_of(layers.profiles_of(use), [&](const Node* profile) {
      const Member* again = profile->find(off.key);
      return again != nullptr && again->value.is_map();
    });
    if (!undone) continue;
    reporter_.warning(
        Code::kSuspicious, off.key_place,
        fmt::format("{} is on again in upstream \"{}\": its profile {} sets it", off.key,
                    upstream.key, use.quote()),
        {fmt::format("write `{}: none` in the upstream", off.key), characters(off.key)});
  }
}

void Loading::refuse_two_addresses(const std::string& path, const Node& node) {
  const Member* url = node.find("url");
  const Member* endpoints = node.find("endpoints");
  if (url == nullptr || endpoints == nullptr) return;
  reporter_.error(Code::kConflict, endpoints->key_place,
                  fmt::format("{} has both url and endpoints", path),
                  {"keep one: endpoints may hold a single URL", characters(endpoints->key)});
}

void Loading::report_no_address(const Upstream& upstream, const Member& written,
                                const Layers& layers) {
  // Written wrongly and reported so: it is not missing too.
  const bool tried = std::ranges::any_of(written.value.members, [](const Member& member) {
    const auto synonym = std::ranges::find(synonyms(), member.key, &Synonym::word);
    const std::string_view meant = synonym == synonyms().end()
                                       ? nearest(member.key, {"url", "endpoints", "use"})
                                       : synonym->key;
    return meant == "url" || meant == "endpoints" || (meant == "use" && member.key != "use");
  });
  if (!upstream.endpoints.empty() || tried || !written.value.is_map()) return;
  const Member* use = written.value.find("use");
  if (use != nullptr && !layers.knows(use->value.text)) return;
  const BuiltInProfile* same_name = find_built_in_profile(upstream.name);
  std::string hint = "write `url: https://...`";
  if (!upstream.profile.empty()) {
    hint += fmt::format(": profile {} has none", upstream.profile);
  } else if (same_name != nullptr) {
    hint += fmt::format(", or `use: {}`", upstream.name);
  }
  reporter_.error(Code::kMissingKey, written.key_place,
                  fmt::format("upstreams.{} has no address", upstream.name),
                  {std::move(hint), characters(written.key)});
}

void Loading::name_routes(Upstream& upstream) {
  for (Route& route : upstream.routes) {
    if (!route.name.empty()) continue;
    for (const std::string& method : route.match.methods) {
      route.name += (route.name.empty() ? "" : ",") + method;
    }
    if (!route.match.path.empty()) route.name += (route.name.empty() ? "" : " ") + route.match.path;
  }
}

Loaded Loading::finish() {
  Loaded loaded;
  const bool fine = reporter_.errors() == 0;
  loaded.diagnostics = reporter_.finish();
  if (!fine) return loaded;
  for (auto& [path, written] : places_) {
    loaded.origins.emplace(path,
                           ValueOrigin{written.place.position(), std::move(written.reference)});
  }
  config_->source = source_.name();
  config_->hash = content_hash(*config_);
  loaded.config = std::move(config_);
  return loaded;
}

Result<std::string> read_process_file(const std::string& path) {
  const auto problem = [](int code) {
    return outrigger::fail(Errc::kConfig, Origin::kProxy, "file", std::strerror(code));
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             std::fclose);
  if (file == nullptr) return problem(errno);
  std::string content;
  std::array<char, 16384> chunk;
  while (content.size() <= kMaxFileBytes) {
    const std::size_t n = std::fread(chunk.data(), 1, chunk.size(), file.get());
    content.append(chunk.data(), n);
    if (n == 0) break;
  }
  if (std::ferror(file.get()) != 0) return problem(errno);
  if (content.size() > kMaxFileBytes) {
    return outrigger::fail(Errc::kConfig, Origin::kProxy, "file", "larger than 4 MiB");
  }
  return content;
}

}  // namespace

Environment Environment::process() {
  return {[](const std::string& name) -> std::optional<std::string> {
            const char* value = std::getenv(name.c_str());
            return value == nullptr ? std::nullopt : std::optional<std::string>(value);
          },
          read_process_file};
}

Loaded load_file(const std::string& path, const Environment& environment) {
  auto content = environment.read_file(path);
  if (!content) {
    return Loading("", path, environment)
        .fail(Code::kUnreadableFile,
              fmt::format("cannot read the file: {}", content.error().detail),
              "`outrigger init` writes a first one");
  }
  return load_text(*content, path, environment);
}

Loaded load_text(std::string_view text, const std::string& name, const Environment& environment) {
  return Loading(text, name, environment).run();
}

Loaded built_in(const Environment& environment) {
  return load_text("version: 1\n", std::string(kBuiltInName), environment);
}

}  // namespace outrigger::config
