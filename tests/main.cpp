// The main function of every suite.
#define BOOST_TEST_MODULE tenax
#include <boost/test/unit_test.hpp>
