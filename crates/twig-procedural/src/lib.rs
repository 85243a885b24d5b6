//! The embedded teacher: reads a prompt as a scene, draws it from open artwork, and measures pixels to critique and judge
