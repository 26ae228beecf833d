#include "tests/integration/cli_fixture.h"

#include <algorithm>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace outrigger::test {
namespace {

TEST_F(Cli, CheckPraisesAGoodFileInOneLine) {
  const Output output = outrigger({"check", write("good.yaml", kGood)});
  EXPECT_EQ(output.code, 0) << output.out << output.err;
  EXPECT_EQ(lines(output.out).size(), 1u);
  EXPECT_NE(output.out.find("good.yaml: ok, 1 upstream, 0 routes"), std::string::npos)
      << output.out;
  EXPECT_EQ(outrigger({"check", "--quiet", folder_.path("good.yaml")}).out, "");
}

TEST_F(Cli, CheckSaysPlaceCauseAndMend) {
  write("bad.yaml", kMisspelt);
  const Output output = outrigger({"check", "bad.yaml"});
  EXPECT_EQ(output.code, 3);
  EXPECT_EQ(output.err, "");
  const std::vector<std::string> said = lines(output.out);
  ASSERT_GE(said.size(), 4u) << output.out;
  EXPECT_EQ(said[0].rfind("bad.yaml:3:25: error OUT-110: ", 0), 0u) << said[0];
  EXPECT_NE(output.out.find("^^^"), std::string::npos);
  EXPECT_NE(output.out.find("did you mean"), std::string::npos);
  EXPECT_NE(said.back().find("See: outrigger explain OUT-110"), std::string::npos) << said.back();
  EXPECT_EQ(output.out.find('\x1b'), std::string::npos) << "colours in a file";
}

TEST_F(Cli, CheckFindsEveryMistakeInOneRun) {
  const std::string file = write("bad.yaml",
                                 "version: 1\n"
                                 "defaults: {timeouts: {connect: 5}}\n"
                                 "upstreams:\n"
                                 "  openai: {uze: openai}\n"
                                 "  erp: {url: 'ftp://x', retry: {max_attempts: 99}}\n");
  const Output output = outrigger({"check", "--json", file});
  EXPECT_EQ(output.code, 3);
  const auto findings = nlohmann::json::parse(output.out, nullptr, false);
  ASSERT_TRUE(findings.is_array()) << output.out;
  std::vector<int> places;
  for (const auto& finding : findings) places.push_back(finding.at("line").get<int>());
  EXPECT_GE(findings.size(), 4u) << output.out;
  EXPECT_TRUE(std::ranges::is_sorted(places));
}

TEST_F(Cli, CheckReadsStandardInput) {
  const Output good = shell(
      "printf 'version: 1\\nupstreams:\\n  a: {url: \"http://127.0.0.1:1\"}\\n' | $O check -");
  EXPECT_EQ(good.code, 0) << good.out;
  const Output bad = shell("echo nonsense | $O check -");
  EXPECT_EQ(bad.code, 3);
  EXPECT_EQ(bad.out.rfind("<stdin>:1:1: error ", 0), 0u) << bad.out;
}

TEST_F(Cli, StrictMakesAWarningAnError) {
  const std::string file =
      write("warned.yaml",
            "version: 1\n"
            "upstreams:\n"
            "  erp: {url: 'https://erp.example.com', tls: {unsafe_skip_verification: true}}\n");
  const Output plain = outrigger({"check", file});
  EXPECT_EQ(plain.code, 0) << plain.out;
  EXPECT_NE(plain.out.find("warning OUT-181"), std::string::npos) << plain.out;
  EXPECT_EQ(outrigger({"check", "--strict", file}).code, 3);
}

TEST_F(Cli, EveryCommandThatReadsAFileRefusesABadOneWithThree) {
  write("bad.yaml", kMisspelt);
  for (const Words& words : {Words{"check"}, Words{"config", "show"}, Words{"env"}, Words{"run"}}) {
    SCOPED_TRACE(words.back());
    for (const std::string& file : {std::string("bad.yaml"), std::string("no/such.yaml")}) {
      Words full = words;
      full.push_back(file);
      const Output output = outrigger(full);
      EXPECT_EQ(output.code, 3);
      EXPECT_NE((output.out + output.err).find(file), std::string::npos)
          << output.out << output.err;
    }
  }
}

TEST_F(Cli, FileIsFoundByArgumentThenVariableThenFolder) {
  write("argument.yaml", "version: 1\nupstreams:\n  a: {url: 'http://127.0.0.1:1'}\n");
  write("variable.yaml", "version: 1\nupstreams:\n  v: {url: 'http://127.0.0.1:1'}\n");
  const Words variable = {"OUTRIGGER_CONFIG=variable.yaml"};
  EXPECT_NE(outrigger({"env"}).out.find("OPENAI_BASE_URL"), std::string::npos);
  write("outrigger.yaml", "version: 1\nupstreams:\n  f: {url: 'http://127.0.0.1:1'}\n");
  EXPECT_EQ(outrigger({"env"}).out.find("export F_BASE_URL="), 0u);
  EXPECT_EQ(outrigger({"env"}, variable).out.find("export V_BASE_URL="), 0u);
  EXPECT_EQ(outrigger({"env", "argument.yaml"}, variable).out.find("export A_BASE_URL="), 0u);
  EXPECT_EQ(outrigger({"env", "-c", "argument.yaml"}, variable).out.find("export A_BASE_URL="), 0u);
}

TEST_F(Cli, ColoursAreForTerminalsThatWantThem) {
  write("bad.yaml", kMisspelt);
  const std::string on_terminal = "script -qec \"$O check bad.yaml\" /dev/null < /dev/null";
  EXPECT_NE(shell("TERM=xterm " + on_terminal).out.find('\x1b'), std::string::npos);
  EXPECT_EQ(shell("TERM=xterm NO_COLOR=1 " + on_terminal).out.find('\x1b'), std::string::npos);
  EXPECT_EQ(shell("TERM=dumb " + on_terminal).out.find('\x1b'), std::string::npos);
}

TEST_F(Cli, InitWritesAFileThatIsGoodAsItStands) {
  EXPECT_EQ(outrigger({"init"}).code, 0);
  const Output output = outrigger({"check", "--strict", "outrigger.yaml"});
  EXPECT_EQ(output.code, 0) << output.out;
  EXPECT_EQ(read_file(folder_.path("outrigger.yaml")), outrigger({"init", "-"}).out);
}

// "# words" is prose, "#key" and "#  key" are settings to be switched on.
TEST_F(Cli, InitsCommentedSettingsAreGoodToo) {
  std::string text;
  for (std::string line : lines(outrigger({"init", "-"}).out)) {
    const std::size_t at = line.find('#');
    const bool setting = at != std::string::npos && at == line.find_first_not_of(' ') &&
                         (line.compare(at, 2, "# ") != 0 || line.compare(at, 3, "#  ") == 0);
    if (setting) line.erase(at, 1);
    text += line + "\n";
  }
  ASSERT_NE(text.find("\n  erp:\n"), std::string::npos) << text;
  const Output output = outrigger({"check", "--strict", write("all.yaml", text)});
  EXPECT_EQ(output.code, 0) << output.out << text;
}

TEST_F(Cli, InitNeverWritesOverAFile) {
  write("outrigger.yaml", "mine");
  const Output output = outrigger({"init"});
  EXPECT_EQ(output.code, 1);
  EXPECT_NE(output.err.find("outrigger.yaml exists"), std::string::npos);
  EXPECT_EQ(read_file(folder_.path("outrigger.yaml")), "mine");
  EXPECT_EQ(outrigger({"init", "no/such/folder.yaml"}).code, 1);
}

TEST_F(Cli, SchemaIsJsonAndReferenceIsMarkdown) {
  const Output schema = outrigger({"config", "schema"});
  EXPECT_EQ(schema.code, 0);
  EXPECT_TRUE(nlohmann::json::parse(schema.out, nullptr, false).contains("$schema"));
  const Output reference = outrigger({"config", "reference"});
  EXPECT_EQ(reference.code, 0);
  EXPECT_EQ(reference.out.rfind("# ", 0), 0u);
}

TEST_F(Cli, ShownConfigurationIsAConfiguration) {
  write("outrigger.yaml", kGood);
  for (const Words& words : {Words{"config", "show"}, Words{"config", "show", "--origins"},
                             Words{"config", "show", "--defaults", "--origins"}}) {
    const Output shown = outrigger(words);
    EXPECT_EQ(shown.code, 0) << shown.err;
    const Output again = outrigger({"check", write("shown.yaml", shown.out)});
    EXPECT_EQ(again.code, 0) << again.out << shown.out;
  }
}

TEST_F(Cli, ShowSaysWhenItShowsTheBuiltInProviders) {
  const Output output = outrigger({"config", "show"});
  EXPECT_EQ(output.code, 0);
  EXPECT_NE(output.err.find("built-in providers"), std::string::npos);
}

TEST_F(Cli, NoCommandShowsASecret) {
  write("outrigger.yaml",
        "version: 1\nstore: {encryption_key: canary-4711}\nupstreams:\n  openai: {use: openai}\n");
  for (const Words& words : {Words{"check"}, Words{"check", "--json"},
                             Words{"config", "show", "--origins"}, Words{"env"}}) {
    const Output output = outrigger(words);
    EXPECT_EQ((output.out + output.err).find("canary-4711"), std::string::npos);
  }
}

}  // namespace
}  // namespace outrigger::test
