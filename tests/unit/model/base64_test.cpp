#include "model/documents/base64.hpp"

#include <boost/test/unit_test.hpp>

using namespace tenax::model;

BOOST_AUTO_TEST_SUITE(base64)

BOOST_AUTO_TEST_CASE(base64_is_rfc_4648) {
  BOOST_TEST(encode_base64("") == "");
  BOOST_TEST(encode_base64("f") == "Zg==");
  BOOST_TEST(encode_base64("fo") == "Zm8=");
  BOOST_TEST(encode_base64("foo") == "Zm9v");
  BOOST_TEST(encode_base64("foobar") == "Zm9vYmFy");
  BOOST_TEST(encode_base64("\xff\xff\xff") == "////");
}

BOOST_AUTO_TEST_SUITE_END()
