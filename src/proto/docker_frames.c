/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/docker_frames.h"

#include "base/macros.h"

static struct slice take(struct slice *inputp, size_t n)
{
	struct slice taken =
		slice_make(inputp->p, n < inputp->n ? n : inputp->n);

	*inputp = slice_skip(*inputp, taken.n);
	return taken;
}

static uint32_t header_length(const unsigned char *header)
{
	return (uint32_t)header[4] << 24 | (uint32_t)header[5] << 16 |
	       (uint32_t)header[6] << 8 | header[7];
}

/* Could the first @n bytes be the beginning of a header? */
static bool plausible(const unsigned char *header, size_t n)
{
	if (header[0] >= N_DOCKER_STREAMS)
		return false;
	for (size_t i = 1; i < n && i < 4; i++) {
		if (header[i] != 0)
			return false;
	}
	return n < DOCKER_FRAME_HEADER ||
	       header_length(header) <= DOCKER_FRAME_MAX;
}

/* Moves input into the header; true when it is whole. Judges it byte by byte,
 * so that text shorter than a header is recognised, too. */
static bool read_header(struct docker_frames *frames, struct slice *inputp)
{
	while (inputp->n && frames->n_header < DOCKER_FRAME_HEADER) {
		frames->header[frames->n_header++] =
			(unsigned char)inputp->p[0];
		*inputp = slice_skip(*inputp, 1);
		if (!plausible(frames->header, frames->n_header)) {
			frames->unframed = true;
			return false;
		}
	}
	return frames->n_header == DOCKER_FRAME_HEADER;
}

static bool next_plain(struct docker_frames *frames, struct slice *inputp,
                       struct docker_piece *piecep)
{
	piecep->stream = DOCKER_SYSTEM;
	if (frames->n_header) {
		piecep->bytes = slice_make((const char *)frames->header,
		                           frames->n_header);
		frames->n_header = 0;
		return true;
	}
	piecep->bytes = take(inputp, inputp->n);
	return piecep->bytes.n > 0;
}

bool docker_frames_next(struct docker_frames *frames, struct slice *inputp,
                        struct docker_piece *piecep)
{
	while (!frames->unframed && frames->n_payload == 0) {
		if (!read_header(frames, inputp)) {
			if (frames->unframed)
				break;
			return false;
		}
		frames->stream = (enum docker_stream)frames->header[0];
		frames->n_payload = header_length(frames->header);
		frames->n_header = 0;
	}
	if (frames->unframed)
		return next_plain(frames, inputp, piecep);

	piecep->stream = frames->stream;
	piecep->bytes = take(inputp, frames->n_payload);
	frames->n_payload -= (uint32_t)piecep->bytes.n;
	return piecep->bytes.n > 0;
}

bool docker_frames_whole(const struct docker_frames *frames)
{
	return !frames->unframed && frames->n_header == 0 &&
	       frames->n_payload == 0;
}
