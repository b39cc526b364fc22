/* SPDX-License-Identifier: Apache-2.0 */
/*
 * label: one name and value of a series or group, unescaped. Borrowed from
 * whoever read it, for as long as it says.
 */
#pragma once

#include <stddef.h>
#include "base/json_writer.h"
#include "base/slice.h"

struct label {
	struct slice name;
	struct slice value;
};

/* Bytes of all names and values. */
size_t labels_text_size(const struct label *labels, size_t n);

/* Copies @labels to the array @out and their text to *@at, which moves on.
 * Returns the place behind the last. */
struct label *labels_put(struct label *out, char **at,
                         const struct label *labels, size_t n);

/* As a member @key of the object that is being written. */
void labels_write_json(struct json_writer *json, const char *key,
                       const struct label *labels, size_t n);
