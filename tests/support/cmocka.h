/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka with what it wants included before it; asserts stay on. */
#pragma once

#undef NDEBUG
#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
