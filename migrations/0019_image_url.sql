-- Pictures may also be shown by products that name their address: asked before a file is erased.
CREATE INDEX products_image_url ON products (image_url) WHERE image_url IS NOT NULL;
