"""Bytes on the disk and from the web: files, folders of pictures, decoding, downloads."""
