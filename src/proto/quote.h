/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quote: what somebody sent, quoted in the words of an answer as Go's %q has
 * it: "a\x00b", '\n'. Whoever knows the original Pushgateway's messages finds
 * the same ones here.
 */
#pragma once

#include "base/slice.h"

#define QUOTE_TEXT_SIZE 160 /* longer texts end in "..." */
#define QUOTE_BYTE_SIZE 16

/* In double quotes. Bytes that are not UTF-8 and what has no glyph become
 * escapes. Returns @out. */
const char *quote_text(struct slice text, char out[QUOTE_TEXT_SIZE]);

/* One byte in single quotes, read as Latin-1. Returns @out. */
const char *quote_byte(char byte, char out[QUOTE_BYTE_SIZE]);
