/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/label.h"

#include "base/text.h"

size_t labels_text_size(const struct label *labels, size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += labels[i].name.n + labels[i].value.n;
	return size;
}

struct label *labels_put(struct label *out, char **at,
                         const struct label *labels, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*out++ = (struct label){
			text_put_slice(at, labels[i].name),
			text_put_slice(at, labels[i].value),
		};
	return out;
}

void labels_write_json(struct json_writer *json, const char *key,
                       const struct label *labels, size_t n)
{
	json_write_key(json, key);
	json_write_object(json);
	for (size_t i = 0; i < n; i++) {
		json_key_slice(json, labels[i].name);
		json_write_slice(json, labels[i].value);
	}
	json_write_object_end(json);
}
