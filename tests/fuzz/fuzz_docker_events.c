/* SPDX-License-Identifier: Apache-2.0 */
/* docker_describe, docker_event: any JSON as each of the documents. */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include "proto/docker_describe.h"
#include "proto/docker_event.h"
#include "proto/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct docker_description *found)
{
	struct json_member member = { 0 };
	size_t n = 0;

	assert(docker_name_valid(found->id));
	assert(strlen(found->image) < DOCKER_DOCUMENT_MAX);
	assert(found->created_ms >= 0 && found->finished_ms >= 0);
	while (json_next_member(found->labels, &member))
		n += strlen(member.name) < DOCKER_DOCUMENT_MAX;
	assert(n == json_n_members(found->labels));
	(void)docker_mode_container(found->network_mode);
	(void)docker_mode_container(found->pid_mode);
	(void)docker_mode_container(found->ipc_mode);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct docker_description found;
	struct docker_event event;
	struct json_t *root;
	struct err err;

	struct slice text = slice_make((const char *)data, size);

	if (docker_event_parse(text, &event) == 0) {
		assert(event.kind == DOCKER_EVENT_OTHER ||
		       docker_name_valid(event.id));
		assert(strlen(event.name) < DOCKER_EVENT_TEXT_MAX);
		assert(event.time_ns >= 0);
	}
	if (json_parse(text, &root, &err) < 0)
		return 0;
	for (int podman = 0; podman < 2; podman++) {
		if (docker_describe_listed(root, podman, &found, &err) == 0)
			check(&found);
	}
	if (docker_describe_inspected(root, &found, &err) == 0)
		check(&found);
	json_free(root);
	return 0;
}
