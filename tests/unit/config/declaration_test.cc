// The declarations agree with themselves: decoder, schema, reference, examples and `show` say the
// same.
#include "config/declaration.h"

#include <set>

#include <gtest/gtest.h>

#include "config/schema.h"
#include "config/show.h"
#include "config/yaml_reader.h"
#include "tests/unit/config/schema_check.h"
#include "tests/unit/config/support.h"

namespace outrigger::config::test {
namespace {

const SchemaCheck& schema() {
  static const SchemaCheck kSchema(Json::parse(json_schema()));
  return kSchema;
}

std::string schema_problem(const std::string& text) {
  const Source source("f", text);
  Reporter reporter;
  const auto root = read_yaml(source, reporter);
  return root ? schema().problem(to_json(*root)) : "not YAML";
}

// All files that an example may name.
Environment example_environment() {
  Files files;
  for (const char* name : {"server.crt", "clients.crt", "corporate-ca.crt", "client.crt"}) {
    files[name] = kCertificate;
    files[std::string("/etc/outrigger/tls/") + name] = kCertificate;
  }
  for (const char* name : {"server.key", "client.key"}) {
    files[name] = kKey;
    files[std::string("/etc/outrigger/tls/") + name] = kKey;
  }
  files["/etc/outrigger/store.key"] = "secret\n";
  Variables variables = {{"OUTRIGGER_STORE_KEY", "secret"}};
  for (const char* name : {"API_KEY", "API_KEY_A", "API_KEY_B", "OPENAI_KEY_A", "OPENAI_KEY_B",
                           "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}) {
    variables[name] = std::string("secret of ") + name;
  }
  return environment(std::move(variables), files);
}

// A file in which `entry` stands in the block of that name.
std::string in_block(std::string_view name, const std::string& entry) {
  const std::string address = "url: https://x.example.com, ";
  const auto upstream_with = [&](const std::string& inner) {
    return "version: 1\nupstreams: {u: {" + address + inner + "}}\n";
  };
  if (name.empty())
    return entry.starts_with("version") ? entry + "\n" : "version: 1\n" + entry + "\n";
  if (name == "server" || name == "store" || name == "defaults") {
    return "version: 1\n" + std::string(name) + ": {" + entry + "}\n";
  }
  if (name == "store.cache") return in_block("store", "cache: {" + entry + "}");
  if (name == "server.overload.marks") return in_block("server.overload.memory", entry);
  if (name.starts_with("server.")) {
    const std::string inner(name.substr(7));
    const std::size_t dot = inner.find('.');
    const std::string value =
        dot == std::string::npos ? entry : inner.substr(dot + 1) + ": {" + entry + "}";
    return "version: 1\nserver: {" + inner.substr(0, dot) + ": {" + value + "}}\n";
  }
  if (name == "fallback[]") {
    const bool differs = entry.starts_with("model") || entry.starts_with("upstream") ||
                         entry.starts_with("answer") || entry.starts_with("stale");
    return "version: 1\nupstreams: {u: {" + address + "cache: {}, fallback: [{" +
           std::string(differs ? "" : "model: m, ") + entry +
           "}]}, bedrock: {url: https://bedrock.example.com}}\n";
  }
  if (name == "fallback[].answer") return upstream_with("fallback: [{answer: {" + entry + "}}]");
  if (name == "profiles.<name>")
    return "version: 1\nprofiles: {p: {" + entry + "}}\nupstreams: {u: {use: openai}}\n";
  if (name == "upstreams.<name>") {
    const bool has_address = entry.starts_with("url") || entry.starts_with("endpoints");
    return "version: 1\nupstreams: {u: {" + (has_address ? "" : address) + entry + "}}\n";
  }
  if (name == "upstreams.<name>.match") return upstream_with("match: {" + entry + "}");
  if (name == "routes[]") {
    return upstream_with("routes: [{" +
                         std::string(entry.starts_with("match") ? "" : "match: {path: /r}, ") +
                         entry + "}]");
  }
  if (name == "routes[].match") return upstream_with("routes: [{match: {" + entry + "}}]");
  if (name == "classify[]") {
    const bool verdict = entry.starts_with("verdict");
    const bool status = entry.starts_with("status");
    return upstream_with("classify: [{" + std::string(verdict ? "" : "verdict: transient, ") +
                         (status ? "" : "status: 409, ") + entry + "}]");
  }
  if (name == "credentials.aws") {
    std::string rest;
    for (const std::string key : {"region", "access_key", "secret_key"}) {
      const std::string value = key == "region" ? "us-east-1" : "\"${AWS_SECRET_ACCESS_KEY}\"";
      if (!entry.starts_with(key)) rest += ", " + key + ": " + value;
    }
    return upstream_with("credentials: {aws: {" + entry + rest + "}}");
  }
  if (name.starts_with("verify")) {
    const std::string get = entry.starts_with("get") ? "" : "get: \"/x?id={idempotency-key}\", ";
    const std::string inner = name == "verify.found" ? "found: {" + entry + "}" : entry;
    return upstream_with("replay: verify, verify: {" + get + inner + "}");
  }
  if (const std::size_t dot = name.find('.'); dot != std::string_view::npos) {
    return upstream_with(std::string(name.substr(0, dot)) + ": {" +
                         std::string(name.substr(dot + 1)) + ": {" + entry + "}}");
  }
  return upstream_with(std::string(name) + ": {" + entry + "}");
}

TEST(Declarations, EveryExampleLoadsAndFitsTheSchema) {
  for (const Block* block : all_blocks()) {
    for (const Group& group : block->groups) {
      for (const Field& field : group.fields) {
        ASSERT_FALSE(field.example.empty()) << block->name << " " << field.key;
        const std::string text =
            in_block(block->name, std::string(field.key) + ": " + std::string(field.example));
        const Loaded loaded = load(text, example_environment());
        const std::string codes = codes_of(loaded);
        // A certificate without its key is refused as such; a profile of an example may be unused.
        const bool half = codes == "OUT-113" || field.key == "aws" ||
                          (field.key == "client_ca_file" && codes == "OUT-112");
        EXPECT_TRUE(codes.empty() || half || codes == "OUT-182")
            << text << render(loaded.diagnostics, false);
        EXPECT_EQ(schema_problem(text), "") << text;
      }
    }
  }
}

TEST(Declarations, EveryKeyIsNamedOnceInItsBlockAndIsNotReserved) {
  for (const Block* block : all_blocks()) {
    std::set<std::string_view> keys;
    for (const Group& group : block->groups) {
      for (const Field& field : group.fields) {
        EXPECT_TRUE(keys.insert(field.key).second) << block->name << " " << field.key;
        // Another system's word for a block may be a key elsewhere.
        EXPECT_TRUE(std::ranges::none_of(reserved_keys(), [&](const ReservedKey& word) {
          return word.key == word.meant && word.key == field.key;
        })) << field.key;
        EXPECT_FALSE(field.description.empty() || field.since.empty()) << field.key;
      }
    }
  }
}

TEST(Declarations, EverySynonymNamesAKey) {
  for (const Synonym& synonym : synonyms()) {
    EXPECT_TRUE(std::ranges::any_of(all_blocks(), [&](const Block* b) {
      return b->find(synonym.key) != nullptr;
    })) << synonym.key;
  }
}

class Example : public testing::TestWithParam<std::string> {};

TEST_P(Example, LoadsWithoutAWordAndFitsTheSchema) {
  const std::string text = read(repository() / "config/examples" / (GetParam() + ".yaml"));
  const Loaded loaded = load(text, example_environment());
  EXPECT_TRUE(loaded.config && loaded.diagnostics.empty()) << render(loaded.diagnostics, false);
  EXPECT_EQ(schema_problem(text), "");
}

TEST_P(Example, ShownLoadsAgainToTheSameHash) {
  const std::string text = read(repository() / "config/examples" / (GetParam() + ".yaml"));
  const Loaded first = load(text, example_environment());
  ASSERT_TRUE(first.config);
  for (const ShowOrigins origins : {ShowOrigins::kHidden, ShowOrigins::kShown}) {
    for (const ShowDefaults defaults : {ShowDefaults::kHidden, ShowDefaults::kShown}) {
      const std::string shown = show(first, {origins, defaults});
      const Loaded second = load(shown, example_environment());
      ASSERT_TRUE(second.config) << shown << render(second.diagnostics, false);
      EXPECT_EQ(second.config->hash, first.config->hash) << shown;
      EXPECT_EQ(schema_problem(shown), "") << shown;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Example,
                         testing::Values("minimal", "agents", "corporate", "resilience", "fallback",
                                         "structured", "cache"),
                         [](const auto& info) { return info.param; });

TEST(Schema, RefusesWhatTheLoaderRefusesInShape) {
  for (const char* text :
       {"upstreams: {a: {use: openai}}\n",
        "version: 2\n",
        "version: 1\nserver: {listn: 127.0.0.1:1}\n",
        "version: 1\nupstreams: {a: {use: openai, fallback: 3}}\n",
        "version: 1\nupstreams: {a: {use: openai, retry: 21}}\n",
        "version: 1\nupstreams: {a: {use: openai, retry: many}}\n",
        "version: 1\nupstreams: {a: {use: openai, commit: later}}\n",
        "version: 1\nupstreams: {a: {use: openai, circuit_breaker: 3}}\n",
        "version: 1\nupstreams: {a: {use: openai, circuit_breaker: {failure_rate: 50}}}\n",
        "version: 1\nupstreams: {a: {use: openai, retry: {backoff: {factor: 0.5}}}}\n",
        "version: 1\nupstreams: {a: {use: openai, retry: {if: [slow]}}}\n",
        "version: 1\nupstreams: {a: {use: openai, retry: {backoff_for: {slow: {base: 1s}}}}}\n",
        "version: 1\nupstreams: {a: {use: openai, classify: {status: 429, verdict: ok}}}\n",
        "version: 1\nupstreams: {a: {use: openai, classify: [{status: 6xx, verdict: ok}]}}\n",
        "version: 1\nupstreams: {a: {use: openai, classify: [{json: {a: 1}, verdict: ok}]}}\n",
        "version: 1\nupstreams: {a: {use: openai, classify: [{json: {/a: {is: 1}}, verdict: "
        "ok}]}}\n",
        "version: 1\nupstreams: {a: {use: openai, error_fields: [code]}}\n",
        "version: 1\nupstreams: {a: {use: openai, cache: {headers: [a b]}}}\n",
        "version: 1\nupstreams: {a: {use: openai, cache: {if: {json: {a: 1}}}}}\n",
        "version: 1\nupstreams: {a: {use: openai, cache: {http: {mode: open}}}}\n",
        "version: 1\nupstreams: {a: {use: openai, fallback: [{stale: 24}]}}\n",
        "version: 1\nserver: {workers: many}\n",
        "version: 1\nserver: {drain: {announce: 5}}\n",
        "version: 1\nserver: {limits: {head_bytes: 64k}}\n",
        "version: 1\nserver: {watch: maybe}\n",
        "version: 1\nserver: {log_format: xml}\n",
        "version: 1\nupstreams: {a: {url: 'https://a/?x'}}\n",
        "version: 1\nupstreams: {A: {use: openai}}\n",
        "version: 1\nupstreams: {a: {use: openai, routes: {match: {}}}}\n",
        "version: 1\nserver: {workers: 0}\n"}) {
    EXPECT_NE(schema_problem(text), "") << text;
    EXPECT_FALSE(load(text).config) << text;
  }
}

TEST(Show, PrintsReferencesInsteadOfSecrets) {
  const auto shown = [](const std::string& key) {
    return show(load("version: 1\nstore: {encryption_key: " + key + "}\n",
                     environment({{"K", "hunter2"}}, {{"/k", "hunter2"}})));
  };
  EXPECT_NE(shown("\"${K}\"").find("encryption_key: \"${K}\""), std::string::npos);
  EXPECT_NE(shown("file:/k").find("encryption_key: \"file:/k\""), std::string::npos);
  for (const char* key : {"\"${K}\"", "file:/k", "hunter2", "\"${NO:-hunter2}\"", "\"x${K}\""}) {
    EXPECT_EQ(shown(key).find("hunter2"), std::string::npos) << key;
    EXPECT_NE(shown(key).find("encryption_key"), std::string::npos) << key;
  }
}

TEST(Show, NamesTheOriginOfEachValue) {
  const Loaded loaded =
      load("version: 1\nupstreams:\n  a:\n    use: openai\n    timeouts: {gap: 4s}\n");
  const std::string shown = show(loaded, {ShowOrigins::kShown, ShowDefaults::kShown});
  EXPECT_NE(shown.find("      gap: 4s  # outrigger.yaml:5:21\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("    url: https://api.openai.com  # <profile openai>:2:6\n"),
            std::string::npos)
      << shown;
  EXPECT_NE(shown.find("      idle: 1m  # built-in\n"), std::string::npos) << shown;
}

TEST(Hash, ChangesWithEveryValueButSecrets) {
  const auto hash = [](const std::string& text) {
    const Loaded loaded = load(text, environment());
    return loaded.config ? loaded.config->hash : render(loaded.diagnostics, false);
  };
  const std::string base = hash(upstream("pool: {idle: 60s}"));
  EXPECT_EQ(base.size(), 8u);
  EXPECT_EQ(hash("version: 1\n# comment\n" + upstream("pool: {idle: 1m}").substr(11)), base)
      << "the same content";
  EXPECT_NE(hash(upstream("pool: {idle: 61s}")), base);
  EXPECT_NE(hash(upstream("error_format: openai")), base);
  EXPECT_EQ(hash("version: 1\nstore: {encryption_key: one}\n"),
            hash("version: 1\nstore: {encryption_key: two}\n"));
  EXPECT_NE(hash("version: 1\nstore: {encryption_key: one}\n"), hash("version: 1\n"));
}

TEST(Render, ColoursOnlyWhenAsked) {
  const Loaded loaded = load("version: 1\nlisten: x\n");
  EXPECT_EQ(render(loaded.diagnostics, false).find('\033'), std::string::npos);
  EXPECT_NE(render(loaded.diagnostics, true).find("\033[1;31merror\033[0m OUT-110"),
            std::string::npos);
}

TEST(Render, JsonHoldsThePlace) {
  const Json all = Json::parse(render_json(load("version: 1\nlisten: x\n").diagnostics));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]["code"], "OUT-110");
  EXPECT_EQ(all[0]["line"], 2);
  EXPECT_EQ(all[0]["column"], 1);
  EXPECT_EQ(all[0]["width"], 6);
  EXPECT_EQ(all[0]["severity"], "error");
  EXPECT_EQ(Json::parse(render_json({})), Json::array());
}

}  // namespace
}  // namespace outrigger::config::test
