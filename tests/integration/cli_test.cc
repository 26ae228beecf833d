#include "tests/integration/cli_fixture.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace outrigger::test {
namespace {

namespace fs = std::filesystem;

TEST_F(Cli, HelpReadsAsItsGoldenFiles) {
  const std::vector<std::pair<std::string, Words>> pages = {
      {"short.txt", {}},
      {"help.txt", {"--help"}},
      {"run.txt", {"run", "--help"}},
      {"env.txt", {"env", "--help"}},
      {"init.txt", {"init", "--help"}},
      {"check.txt", {"check", "--help"}},
      {"config.txt", {"config", "--help"}},
      {"config_show.txt", {"config", "show", "--help"}},
      {"config_schema.txt", {"config", "schema", "-h"}},
      {"config_reference.txt", {"config", "reference", "-h"}},
      {"mock.txt", {"mock", "--help"}},
      {"classify.txt", {"classify", "--help"}},
      {"explain.txt", {"explain", "--help"}},
      {"completion.txt", {"completion", "--help"}},
      {"version.txt", {"version", "--help"}},
  };
  for (const auto& [name, words] : pages) {
    SCOPED_TRACE(name);
    const Output output = outrigger(words);
    EXPECT_EQ(output.code, 0);
    EXPECT_EQ(output.err, "");
    expect_golden(name, output.out);
    for (const std::string& line : lines(output.out)) EXPECT_LE(line.size(), 100u) << line;
  }
}

TEST_F(Cli, HelpIsAlsoACommand) {
  EXPECT_EQ(outrigger({"help"}).out, outrigger({"--help"}).out);
  EXPECT_EQ(outrigger({"help", "config", "show"}).out, outrigger({"config", "show", "-h"}).out);
}

TEST_F(Cli, WrongCommandLinesExitWithTwoAndSayWhatWasMeant) {
  struct Row {
    Words words;
    std::string says;
  };
  const std::vector<Row> rows = {
      {{"chek"}, "there is no command \"chek\"; did you mean \"check\"?"},
      {{"config", "shw"}, "there is no command \"shw\"; did you mean \"show\"?"},
      {{"frobnicate"}, "there is no command \"frobnicate\""},
      {{"help", "rnu"}, "did you mean \"run\"?"},
      {{"config"}, "\"outrigger config\" needs a command"},
      {{"run", "--listn", "127.0.0.1:1"}, "there is no option --listn; did you mean \"--listen\"?"},
      {{"run", "--listen", "4170"}, "--listen: \"4170\" is not an address"},
      {{"run", "--listen", "127.0.0.1:99999"}, "--listen: "},
      {{"run", "--workers", "0"}, "write auto or 1 to 1024"},
      {{"run", "a.yaml", "b.yaml"}, "b.yaml"},
      {{"run", "a.yaml", "-c", "b.yaml"}, "FILE excludes --config"},
      {{"run", "-"}, "cannot read its configuration from standard input"},
      {{"check"}, "nothing to check"},
      {{"env", "--shell", "tcsh"}, "tcsh"},
      {{"completion"}, "SHELL is required"},
      {{"completion", "tcsh"}, "tcsh"},
      {{"explain", "OUT-111x"}, "there is no code \"OUT-111x\"; did you mean"},
      {{"explain", "conection_refused"}, "did you mean \"connection_refused\"?"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.says);
    const Output output = outrigger(row.words);
    EXPECT_EQ(output.code, 2);
    EXPECT_EQ(output.out, "");
    EXPECT_NE(output.err.find(row.says), std::string::npos) << output.err;
    EXPECT_LE(lines(output.err).size(), 2u) << output.err;
  }
}

TEST_F(Cli, VariablesAreCheckedAsTheirFlagsAre) {
  const Output output = outrigger({"run"}, {"OUTRIGGER_LISTEN=nowhere"});
  EXPECT_EQ(output.code, 2);
  EXPECT_NE(output.err.find("\"nowhere\" is not an address"), std::string::npos) << output.err;
}

TEST_F(Cli, AnswerThatCannotBeWrittenIsAFailure) {
  EXPECT_EQ(shell("$O version > /dev/full").code, 1);
}

TEST_F(Cli, VersionNamesWhatItIsMadeOf) {
  const auto json = nlohmann::json::parse(outrigger({"version", "--json"}).out, nullptr, false);
  ASSERT_TRUE(json.is_object());
  const std::string version = json.at("version");
  EXPECT_EQ(outrigger({"--version"}).out, "outrigger " + version + "\n");
  EXPECT_EQ(outrigger({"version"}).out.rfind("outrigger " + version + "\n", 0), 0u);
  for (const char* name : {"libevent", "nghttp2", "openssl", "c-ares"}) {
    EXPECT_TRUE(json.at("libraries").contains(name)) << name;
  }
  // The build names the same version.
  const fs::path root = fs::path(__FILE__).parent_path().parent_path().parent_path();
  EXPECT_NE(read_file((root / "CMakeLists.txt").string()).find(" VERSION " + version + " "),
            std::string::npos);
}

}  // namespace
}  // namespace outrigger::test
