#include "node/text.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace tenax;
using namespace tenax::node;

namespace {
wall_time epoch_ms(std::int64_t ms) { return wall_time{milliseconds{ms}}; }
}  // namespace

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(nothing_that_a_terminal_obeys_passes) {
  BOOST_TEST(printable("plain, grün, 日本") == "plain, grün, 日本");
  BOOST_TEST(printable("a\nb\r\tc") == "a\\nb\\r\\tc");
  BOOST_TEST(printable("\x1b[2Jgone\x07\x7f") == "\\x1b[2Jgone\\x07\\x7f");
  BOOST_TEST(printable(std::string_view{"a\0b", 3}) == "a\\x00b");
  BOOST_TEST(printable("\u009b31m") == "\\u009b31m");          // CSI as one character
  BOOST_TEST(printable("\u202egnp.exe") == "\\u202egnp.exe");  // would show backwards
  BOOST_TEST(printable("\xff\xc0\xaf\xed\xa0\x80") == "\\xff\\xc0\\xaf\\xed\\xa0\\x80");
}

BOOST_AUTO_TEST_CASE(every_single_byte_becomes_harmless) {
  for (int b = 0; b < 256; ++b) {
    const auto shown = printable(std::string(1, static_cast<char>(b)));
    BOOST_TEST(valid_utf8(shown));
    for (const char c : shown) BOOST_TEST((c >= 0x20 && c != 0x7f));
  }
}

BOOST_AUTO_TEST_CASE(utf8_is_recognised_strictly) {
  BOOST_TEST(valid_utf8("aé日😀"));
  BOOST_TEST(!valid_utf8("\xc0\x80"));          // overlong
  BOOST_TEST(!valid_utf8("\xed\xa0\x80"));      // surrogate
  BOOST_TEST(!valid_utf8("\xf4\x90\x80\x80"));  // beyond U+10FFFF
  BOOST_TEST(!valid_utf8("\xe6\x97"));          // cut
}

BOOST_AUTO_TEST_CASE(columns_count_characters_and_cuts_fall_between_them) {
  BOOST_TEST(columns("grün") == 4u);
  BOOST_TEST(shortened("grün", 4) == "grün");
  BOOST_TEST(shortened("grüner", 5) == "gr...");
  BOOST_TEST(shortened("üüüüüü", 4) == "ü...");
  BOOST_TEST(shortened("abcdef", 2) == "ab");
  BOOST_TEST(padded("ü", 3) == "ü  ");
}

BOOST_AUTO_TEST_CASE(times_are_rfc_3339_in_utc) {
  BOOST_TEST(format_time(epoch_ms(0)) == "1970-01-01T00:00:00.000Z");
  BOOST_TEST(format_time(epoch_ms(1'772'366'400'250)) == "2026-03-01T12:00:00.250Z");
  BOOST_TEST(format_time(epoch_ms(-1)) == "1969-12-31T23:59:59.999Z");
  // Beyond four-digit years there is no RFC 3339.
  BOOST_TEST(format_time(wall_time::max()) == "9999-12-31T23:59:59.999Z");
  BOOST_TEST(format_time(wall_time::min()) == "0000-01-01T00:00:00.000Z");
}

BOOST_AUTO_TEST_CASE(times_are_read_back) {
  for (const std::int64_t ms : {0LL, 1'772'366'400'250LL, 951'782'400'000LL, -86'400'001LL}) {
    const auto read = parse_time(format_time(epoch_ms(ms)));
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST(read->time_since_epoch().count() == ms);
  }
  BOOST_TEST((parse_time("2026-03-01") == epoch_ms(1'772'323'200'000)));
  BOOST_TEST((parse_time("2026-03-01T12:00:00Z") == epoch_ms(1'772'366'400'000)));
  BOOST_TEST((parse_time("2026-03-01T14:00:00+02:00") == epoch_ms(1'772'366'400'000)));
  BOOST_TEST((parse_time("2026-03-01T12:00:00.2509999Z") == epoch_ms(1'772'366'400'251)));
}

BOOST_AUTO_TEST_CASE(what_is_no_time_is_refused) {
  for (const auto* text :
       {"", "now", "2026", "2026-13-01", "2026-02-30", "2026-03-01T", "2026-03-01T24:00:00Z",
        "2026-03-01T12:00:00", "2026-03-01T12:00:00+0200", "2026-03-01T12:00:00.Z",
        "2026-03-01T12:00:00Z ", "2026-03-01T12:34:60Z", "2026-03-01 12:00:00Z", "+026-03-01",
        "2026-3-1"})
    BOOST_TEST(!parse_time(text).has_value(), text);
}

BOOST_AUTO_TEST_CASE(durations_and_counts_are_short) {
  BOOST_TEST(format_duration(milliseconds{7}) == "7 ms");
  BOOST_TEST(format_duration(milliseconds{2'550}) == "2.5 s");
  BOOST_TEST(format_duration(milliseconds{185'000}) == "3m 05s");
  BOOST_TEST(format_duration(milliseconds{7'380'000}) == "2h 03m");
  BOOST_TEST(format_duration(milliseconds{439'200'000}) == "5d 02h");
  BOOST_TEST(format_duration(milliseconds{-1'500}) == "-1.5 s");
  BOOST_TEST(!format_duration(milliseconds::min()).empty());
  BOOST_TEST(format_count(0) == "0");
  BOOST_TEST(format_count(999) == "999");
  BOOST_TEST(format_count(1'234'567) == "1,234,567");
  BOOST_TEST(counted(1, "workflow") == "1 workflow");
  BOOST_TEST(counted(2'000, "workflow") == "2,000 workflows");
}

BOOST_AUTO_TEST_CASE(tables_align_and_end_without_blanks) {
  table t{{"ID", "NOTE"}};
  t.add({"long-id", ""});
  t.add({"ü", "x"});
  BOOST_TEST(t.text() == "ID       NOTE\nlong-id\nü        x\n");
}

BOOST_AUTO_TEST_CASE(words_survive_a_shell) {
  BOOST_TEST(shell_word("a/b-1.c") == "a/b-1.c");
  BOOST_TEST(shell_word("") == "''");
  BOOST_TEST(shell_word("it's $HOME") == "'it'\\''s $HOME'");
  BOOST_TEST(shell_word("a\n'\\") == R"($'a\012\'\\')");
  BOOST_TEST(shell_word("\xff\x31") == R"($'\3771')");
  for (int c = 1; c < 256; ++c) {
    const auto word = shell_word(std::string(3, static_cast<char>(c)));
    BOOST_TEST(printable(word) == word);
  }
}

BOOST_AUTO_TEST_CASE(commands_to_type_take_any_id_and_directory) {
  BOOST_TEST(id_line("show", "tenax-data", "w") == "tenax show w");
  BOOST_TEST(id_line("show", "tenax-data", "-w") == "tenax show -- -w");
  BOOST_TEST(id_line("show", "my data", "-w") == "tenax show --data-dir 'my data' -- -w");
  BOOST_TEST(command_line("list", "-d") == "tenax list --data-dir=-d");
  BOOST_TEST(
      resolve_line("d", "-p1", "-k") ==
      "tenax resolve --data-dir d -- -p1 -k retry  # or skip, fail, complete with --value JSON");
}

BOOST_AUTO_TEST_SUITE_END()
